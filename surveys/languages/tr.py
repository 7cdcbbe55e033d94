"""Turkish, addressing people as siz."""

from surveys.texts import ByCategory, ByLevel, Language, Page, Plural, ScaleTexts, Texts

LANGUAGE = Language(
    tag="tr",
    name="Türkçe",
    texts=Texts(
        question="Bir arkadaşınıza veya iş arkadaşınıza tavsiye etme olasılığınız nedir: {subject}?",
        scale_low="hiç olası değil",
        scale_high="çok olası",
        scale_low_labelled="0 – hiç olası değil",
        scale_high_labelled="10 – çok olası",
        score_name="10 üzerinden {score}",
        scale_legend="0 hiç olası değil, 10 çok olası demektir",
        subject_fallback="hizmetlerimiz",
        csat=ScaleTexts(
            question="Memnuniyetiniz ne düzeyde: {subject}?",
            low="hiç memnun değilim",
            high="çok memnunum",
            points=("hiç memnun değilim", "memnun değilim", "kararsızım", "memnunum", "çok memnunum"),
            choose_score="1 (hiç memnun değilim) ile 5 (çok memnunum) arasında seçin",
            score_missing="Lütfen memnuniyetinizi seçin.",
            mail_preheader="Tek tıklama yeterli.",
            follow_up=ByLevel(
                good="En çok neyi beğendiniz?", middle="Ne daha iyi olabilirdi?", bad="Ne ters gitti?"
            ),
        ),
        ces=ScaleTexts(
            question="İhtiyacınız olanı elde etmek ne kadar kolaydı: {subject}?",
            low="çok zor",
            high="çok kolay",
            points=("çok zor", "zor", "biraz zor", "ne kolay ne zor", "oldukça kolay", "kolay", "çok kolay"),
            choose_score="1 (çok zor) ile 7 (çok kolay) arasında bir sayı seçin",
            score_missing="Lütfen 1 ile 7 arasında bir sayı seçin.",
            mail_preheader="Bir sayıya tıklamanız yeterli.",
            follow_up=ByLevel(
                good="Neler işinizi kolaylaştırdı?",
                middle="Ne daha kolay olabilirdi?",
                bad="Neler işinizi zorlaştırdı?",
            ),
        ),
        questions_title="Birkaç soru daha",
        question_required="Lütfen bu soruyu yanıtlayın.",
        question_many="Birden fazla yanıt seçebilirsiniz.",
        question_optional="isteğe bağlı",
        point_name="{high} üzerinden {score}",
        next="İleri",
        back="Geri",
        mail_subject="{brand} adına kısa bir soru",
        mail_subject_reminder="{brand} adına bir soru, on saniyeniz varsa",
        mail_preheader="Bir sayıya tıklamanız yeterli.",
        mail_intro="Merhaba {{{{ full_name| }}}},\n\nşu konudaki görüşünüzü öğrenmek isteriz: {subject}. Tek soru, on saniye:",
        mail_intro_reminder=(
            "Merhaba {{{{ full_name| }}}},\n\nbirkaç gün önce size şu konuyu sormuştuk: {subject}. On saniyeniz varsa yanıtınız bize yardımcı olur:"
        ),
        mail_closing="Her yanıtı bir insan okur.",
        mail_signature="{{{{ owner_name|{brand} ekibi }}}}",
        mail_reply_hint="Dilerseniz bu e-postayı yanıtlayabilirsiniz.",
        mail_choose_score="Bağlantısını açarak bir sayı seçin:",
        mail_text_unsubscribe="Abonelikten çık:",
        mail_text_ask_less="Daha seyrek sorulsun:",
        mail_footer_reason="Bu e-postayı {brand} ile çalıştığınız için alıyorsunuz.",
        mail_logo_alt="{brand}",
        unsubscribe="Abonelikten çık",
        ask_me_less="Bana daha seyrek sorun",
        ask_at_most=Plural(
            one="Yılda en fazla bir kez soruyoruz.", other="Yılda en fazla {count} kez soruyoruz."
        ),
        test_banner="Bu bir denemedir. Yanıtlar hiçbir yerde sayılmaz.",
        test_subject_prefix="[Deneme]",
        page_title="{brand} hakkındaki görüşünüz",
        your_score="Puanınız",
        choose_score="0 ile 10 arasında bir sayı seçin",
        change_score="Puanı değiştir",
        follow_up=ByCategory(
            promoter="En çok neyi değerli buluyorsunuz: {subject}?",
            passive="9 veya 10 vermeniz için ne gerekirdi?",
            detractor="Önce neyi düzeltmeliyiz?",
        ),
        follow_up_unscored="Bu puanı vermenizin asıl nedeni nedir?",
        comment_label="Yorumunuz",
        comment_optional="isteğe bağlı",
        comment_too_long="Lütfen yorumunuzu {limit} karaktere kısaltın; yazdıklarınız kaybolmaz.",
        comment_left=Plural(one="{count} karakter kaldı", other="{count} karakter kaldı"),
        send="Gönder",
        sending="Gönderiliyor…",
        save_change="Değişikliği kaydet",
        score_saved="Puanınız kaydedildi. Birkaç söz, onu anlamamıza yardımcı olur.",
        edit_window=Plural(
            one="Yanıtınızı {count} saat boyunca değiştirebilirsiniz.",
            other="Yanıtınızı {count} saat boyunca değiştirebilirsiniz.",
        ),
        read_by="Okuyan: {name}, hesabınızla ilgilenen kişi.",
        consent_contact="Bu konuda benimle iletişime geçebilirsiniz",
        consent_publish="Adımı vererek alıntı yapabilirsiniz",
        privacy_link="Gizlilik",
        privacy_note="{brand} yanıtınızı hizmetini geliştirmek ve size dönmek için kullanır. Yanıtınız satılmaz ve başkasına verilmez.",
        language_label="Dil",
        skip_to_question="Soruya geç",
        try_again="Yeniden dene",
        score_missing="Lütfen 0 ile 10 arasında bir sayı seçin.",
        thanks_title="Teşekkür ederiz",
        thanks=ByCategory(
            promoter="Memnun kalmanıza sevindik: {subject}. Yanıtınız bize ulaştı.",
            passive="Yanıtınız bize ulaştı. Geliştirmek için ondan yararlanacağız: {subject}.",
            detractor="Açık sözlülüğünüz için teşekkürler. Yanıtınız bize ulaştı, bir insan onu okuyacak.",
        ),
        thanks_link=ByCategory(
            promoter="Deneyiminizi paylaşın", passive="Yenilikleri görün", detractor="Bizimle konuşun"
        ),
        thanks_change="Yanıtımı değiştir",
        thanks_updated="Değişikliğiniz kaydedildi.",
        expired=Page(
            title="Bu bağlantının süresi doldu",
            body="Soru sınırlı bir süre açıktı. Bize yine de bir şey söylemek isterseniz e-postayı yanıtlayın.",
        ),
        used=Page(
            title="Zaten yanıt verdiniz",
            body="Teşekkürler, yanıtınız bize ulaştı. Burada artık değiştirilemez; eksik bir şey varsa e-postayı yanıtlayın.",
        ),
        forged=Page(
            title="Bu bağlantıyı tanımıyoruz",
            body="Yolda kesilmiş olabilir. Lütfen e-postadan yeniden açın veya adresin tamamını kopyalayın.",
        ),
        closed=Page(
            title="Bu anket kapandı",
            body="Artık yanıt kabul etmiyor. Yanıtlamak istediğiniz için teşekkürler.",
        ),
        trouble=Page(
            title="Olmadı",
            body="Hata bizden kaynaklandı ve yanıtınız kaydedilmedi. Lütfen bir dakika sonra yeniden deneyin.",
        ),
        too_many=Page(
            title="Çok fazla istek",
            body="Lütfen bir dakika bekleyip yeniden deneyin. Daha önce gönderdikleriniz kaybolmadı.",
        ),
        once_more=Page(
            title="Lütfen bir kez daha tıklayın",
            body="Bu tür bağlantıları programlar da açar. Yalnızca insanlar sayılsın diye lütfen düğmeye bir kez daha basın; girdikleriniz hâlâ burada.",
        ),
        preview_note="Önizleme. Burada yaptıklarınız kaydedilmez.",
        test_note="Deneme. Yanıtınız size gösterilir ama hiçbir yerde sayılmaz.",
        unsubscribe_confirm=Page(
            title="Anketler durdurulsun mu: {brand}?",
            body="Bu adrese artık anket göndermeyeceğiz. {brand} tarafından gönderilen diğer e-postalar etkilenmez.",
        ),
        unsubscribe_button="Anketleri durdur",
        unsubscribe_done=Page(title="Artık anket yok", body="{brand} bu adrese artık anket göndermeyecek."),
        unsubscribe_already=Page(
            title="Aboneliğiniz zaten sona ermiş", body="{brand} bu adrese anket göndermiyor."
        ),
        unsubscribe_undo="Yanlışlıkla oldu, bana yeniden sorun",
        unsubscribe_undone=Page(
            title="Size yeniden soracağız", body="{brand} bu adrese yeniden anket gönderebilir."
        ),
        ask_less_confirm=Page(
            title="Daha seyrek mi sorulsun?", body="{brand} size yılda en fazla bir kez soracak."
        ),
        ask_less_button="Bana daha seyrek sorun",
        ask_less_done=Page(
            title="Daha seyrek soracağız", body="{brand} size yılda en fazla bir kez soracak."
        ),
        keep_asking="Olduğu gibi kalsın",
        unsubscribe_reason="İsterseniz nedenini yazın (isteğe bağlı)",
        pref_title="{brand} anketleri",
        pref_intro="{brand} size neleri ve ne zaman sorabilir, seçin.",
        pref_link="Anket ayarları",
        pref_topics="{brand} bana şunları sorabilir",
        pref_topic_relationship="{brand} hakkındaki genel görüşüm",
        pref_topic_transactional="satın alma veya destek talebi gibi tek tek deneyimler",
        pref_pause="Tüm anketleri 6 ay duraklat",
        pref_pause_hint="Sonrasında kendiliğinden sürer, bir şey yapmanız gerekmez.",
        pref_paused_until="Anketler şu tarihe kadar duraklatıldı: {date}.",
        pref_resume="Duraklatmayı bitir",
        pref_save="Kaydet",
        pref_saved=Page(title="Kaydedildi", body="{brand} bundan sonra seçiminize uyacak."),
        sms_question="{brand}: {question} {low} ile {high} arasında bir sayıyla ya da buradan yanıtlayın: {link}",
        sms_stop="Çıkmak için STOP yazın.",
        sms_thanks="Teşekkürler. İsterseniz bir kez daha yanıtlayıp nedenini yazın.",
        sms_unclear="Anlayamadık. Lütfen {low} ile {high} arasında tek bir sayı yazın.",
        sms_stopped="{brand} size artık SMS ile anket göndermeyecek. Yeniden almak için START yazın.",
        sms_started="{brand} anketlerini yeniden alacaksınız. Çıkmak için STOP yazın.",
        sms_help="{brand} arada bir görüşünüzü sorar. Çıkmak için STOP yazın.",
        widget_label="{brand} soruyor",
        widget_close="Kapat",
        widget_thanks="Çok teşekkürler",
        kiosk_restart=Plural(
            one="Sıradaki kişi {count} saniye sonra yanıtlayabilir.",
            other="Sıradaki kişi {count} saniye sonra yanıtlayabilir.",
        ),
        kiosk_next="Sıradaki kişi",
    ),
)
