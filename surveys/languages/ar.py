"""Arabic, in the polite plural."""

from surveys.texts import ByCategory, ByLevel, Language, Page, Plural, ScaleTexts, Texts


def _plural(count: int) -> str:
    """CLDR's rule; its form for nought is that for a hundred here."""
    if count == 1:
        return "one"
    if count == 2:
        return "two"
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if 11 <= count % 100 <= 99 else "other"


LANGUAGE = Language(
    tag="ar",
    name="العربية",
    direction="rtl",
    plural_rule=_plural,
    texts=Texts(
        question="ما مدى احتمال أن توصوا صديقًا أو زميلًا بـ {subject}؟",
        scale_low="غير محتمل إطلاقًا",
        scale_high="محتمل جدًا",
        scale_low_labelled="0 – غير محتمل إطلاقًا",
        scale_high_labelled="10 – محتمل جدًا",
        score_name="{score} من 10",
        scale_legend="0 يعني غير محتمل إطلاقًا، و10 يعني محتمل جدًا",
        subject_fallback="خدماتنا",
        csat=ScaleTexts(
            question="ما مدى رضاكم عن {subject}؟",
            low="غير راضٍ إطلاقًا",
            high="راضٍ جدًا",
            points=("غير راضٍ إطلاقًا", "غير راضٍ", "محايد", "راضٍ", "راضٍ جدًا"),
            choose_score="اختاروا من 1 (غير راضٍ إطلاقًا) إلى 5 (راضٍ جدًا)",
            score_missing="يرجى اختيار درجة رضاكم.",
            mail_preheader="نقرة واحدة تكفي.",
            follow_up=ByLevel(
                good="ما أكثر ما أعجبكم؟",
                middle="ما الذي كان سيجعل التجربة أفضل؟",
                bad="ما الذي لم يسر كما ينبغي؟",
            ),
        ),
        ces=ScaleTexts(
            question="ما مدى سهولة حصولكم على ما تحتاجون إليه من {subject}؟",
            low="صعب جدًا",
            high="سهل جدًا",
            points=("صعب جدًا", "صعب", "صعب إلى حد ما", "لا سهل ولا صعب", "سهل إلى حد ما", "سهل", "سهل جدًا"),
            choose_score="اختاروا رقمًا من 1 (صعب جدًا) إلى 7 (سهل جدًا)",
            score_missing="يرجى اختيار رقم من 1 إلى 7.",
            mail_preheader="نقرة على رقم تكفي.",
            follow_up=ByLevel(
                good="ما الذي سهّل الأمر عليكم؟",
                middle="ما الذي كان سيجعله أسهل؟",
                bad="ما الذي صعّب الأمر عليكم؟",
            ),
        ),
        questions_title="بضعة أسئلة أخرى",
        question_required="يرجى الإجابة عن هذا السؤال.",
        question_many="يمكن اختيار أكثر من إجابة.",
        question_optional="اختياري",
        point_name="{score} من {high}",
        next="التالي",
        back="رجوع",
        mail_subject="سؤال قصير من {brand}",
        mail_subject_reminder="سؤال من {brand}، إن كانت لديكم عشر ثوانٍ",
        mail_preheader="نقرة على رقم تكفي.",
        mail_intro="مرحبًا {{{{ full_name| }}}}،\n\nنود أن نعرف رأيكم في {subject}. سؤال واحد وعشر ثوانٍ:",
        mail_intro_reminder=(
            "مرحبًا {{{{ full_name| }}}}،\n\nسألناكم قبل أيام عن {subject}. إن كانت لديكم عشر ثوانٍ فستساعدنا إجابتكم:"
        ),
        mail_closing="كل إجابة يقرؤها شخص.",
        mail_signature="{{{{ owner_name|فريق {brand} }}}}",
        mail_reply_hint="أو أجيبوا ببساطة على هذه الرسالة.",
        mail_choose_score="اختاروا رقمًا بفتح رابطه:",
        mail_text_unsubscribe="إلغاء الاشتراك:",
        mail_text_ask_less="أسئلة أقل:",
        mail_footer_reason="تصلكم هذه الرسالة لأنكم تتعاملون مع {brand}.",
        mail_logo_alt="{brand}",
        unsubscribe="إلغاء الاشتراك",
        ask_me_less="اسألوني مرات أقل",
        ask_at_most=Plural(
            one="نسألكم مرة واحدة في السنة على الأكثر.",
            two="نسألكم مرتين في السنة على الأكثر.",
            few="نسألكم {count} مرات في السنة على الأكثر.",
            many="نسألكم {count} مرة في السنة على الأكثر.",
            other="نسألكم {count} مرة في السنة على الأكثر.",
        ),
        test_banner="هذا اختبار. الإجابات عليه لا تُحتسب في أي مكان.",
        test_subject_prefix="[اختبار]",
        page_title="رأيكم في {brand}",
        your_score="تقييمكم",
        choose_score="اختاروا رقمًا من 0 إلى 10",
        change_score="تغيير التقييم",
        follow_up=ByCategory(
            promoter="ما أكثر ما تقدّرونه في {subject}؟",
            passive="ما الذي كان سيجعل التقييم 9 أو 10؟",
            detractor="ما الذي ينبغي أن نصلحه أولًا؟",
        ),
        follow_up_unscored="ما السبب الرئيسي لتقييمكم؟",
        comment_label="تعليقكم",
        comment_optional="اختياري",
        comment_too_long="يرجى اختصار تعليقكم إلى {limit} حرف؛ لن يضيع شيء مما كتبتموه.",
        comment_left=Plural(
            one="بقي حرف واحد",
            two="بقي حرفان",
            few="بقيت {count} أحرف",
            many="بقي {count} حرفًا",
            other="بقي {count} حرف",
        ),
        send="إرسال",
        sending="جارٍ الإرسال…",
        save_change="حفظ التغيير",
        score_saved="حُفظ تقييمكم. بضع كلمات ستساعدنا على فهمه.",
        edit_window=Plural(
            one="يمكنكم تغيير إجابتكم خلال ساعة واحدة.",
            two="يمكنكم تغيير إجابتكم خلال ساعتين.",
            few="يمكنكم تغيير إجابتكم خلال {count} ساعات.",
            many="يمكنكم تغيير إجابتكم خلال {count} ساعة.",
            other="يمكنكم تغيير إجابتكم خلال {count} ساعة.",
        ),
        read_by="يقرؤها {name} المسؤول عن حسابكم.",
        consent_contact="يمكنكم التواصل معي بهذا الشأن",
        consent_publish="يمكنكم الاستشهاد بكلامي باسمي",
        privacy_link="الخصوصية",
        privacy_note="تستخدم {brand} إجابتكم لتحسين خدمتها وللرد عليكم. ولا تُباع ولا تُنقل إلى غيرها.",
        language_label="اللغة",
        skip_to_question="الانتقال إلى السؤال",
        try_again="المحاولة مجددًا",
        score_missing="يرجى اختيار رقم من 0 إلى 10.",
        thanks_title="شكرًا لكم",
        thanks=ByCategory(
            promoter="يسعدنا أن {subject} تناسبكم إلى هذا الحد. وصلتنا إجابتكم.",
            passive="وصلتنا إجابتكم. سنستفيد منها في تحسين {subject}.",
            detractor="شكرًا لصراحتكم. وصلتنا إجابتكم وسيقرؤها شخص.",
        ),
        thanks_link=ByCategory(
            promoter="شاركوا تجربتكم", passive="اطلعوا على الجديد", detractor="تحدثوا إلينا"
        ),
        thanks_change="تغيير إجابتي",
        thanks_updated="حُفظ التغيير.",
        expired=Page(
            title="انتهت صلاحية هذا الرابط",
            body="كان السؤال متاحًا لمدة محدودة. إن أردتم إخبارنا بشيء فأجيبوا على الرسالة.",
        ),
        used=Page(
            title="لقد أجبتم من قبل",
            body="شكرًا لكم، وصلتنا إجابتكم. لم يعد بالإمكان تغييرها هنا؛ إن كان ينقصها شيء فأجيبوا على الرسالة.",
        ),
        forged=Page(
            title="لا نعرف هذا الرابط",
            body="ربما انقطع جزء منه في الطريق. يرجى فتحه مرة أخرى من الرسالة أو نسخ العنوان كاملًا.",
        ),
        closed=Page(title="أُغلق هذا الاستبيان", body="لم يعد يستقبل إجابات. شكرًا لرغبتكم في الإجابة."),
        trouble=Page(
            title="لم ينجح ذلك",
            body="الخطأ من جانبنا ولم تُحفظ إجابتكم. يرجى المحاولة مجددًا بعد دقيقة.",
        ),
        too_many=Page(
            title="طلبات كثيرة",
            body="يرجى الانتظار دقيقة ثم المحاولة مجددًا. لم يضع شيء مما أرسلتموه من قبل.",
        ),
        once_more=Page(
            title="نقرة أخرى من فضلكم",
            body="البرامج أيضًا تفتح مثل هذه الروابط. لكي يُحتسب الأشخاص فقط، يرجى الضغط على الزر مرة أخرى؛ كل ما أدخلتموه ما زال هنا.",
        ),
        preview_note="معاينة. لا يُحفظ شيء مما تفعلونه هنا.",
        test_note="اختبار. تُعرض عليكم إجابتكم لكنها لا تُحتسب في أي مكان.",
        unsubscribe_confirm=Page(
            title="إيقاف الاستبيانات من {brand}؟",
            body="لن نرسل المزيد من الاستبيانات إلى هذا العنوان. لا يؤثر ذلك في الرسائل الأخرى من {brand}.",
        ),
        unsubscribe_button="إيقاف الاستبيانات",
        unsubscribe_done=Page(
            title="لا مزيد من الاستبيانات", body="لن ترسل {brand} استبيانات إلى هذا العنوان بعد الآن."
        ),
        unsubscribe_already=Page(
            title="لقد ألغيتم الاشتراك من قبل", body="لا ترسل {brand} استبيانات إلى هذا العنوان."
        ),
        unsubscribe_undo="كان ذلك خطأً، اسألوني مجددًا",
        unsubscribe_undone=Page(
            title="سنسألكم مجددًا", body="يمكن لـ {brand} إرسال الاستبيانات إلى هذا العنوان مجددًا."
        ),
        ask_less_confirm=Page(
            title="أسئلة أقل؟", body="ستسألكم {brand} عندئذ مرة واحدة في السنة على الأكثر."
        ),
        ask_less_button="اسألوني مرات أقل",
        ask_less_done=Page(title="سنسألكم مرات أقل", body="ستسألكم {brand} مرة واحدة في السنة على الأكثر."),
        keep_asking="إبقاء كل شيء كما هو",
        unsubscribe_reason="إن شئتم فأخبرونا بالسبب (اختياري)",
        pref_title="استبيانات {brand}",
        pref_intro="اختاروا ما يمكن لـ {brand} أن تسألكم عنه ومتى.",
        pref_link="إعدادات الاستبيانات",
        pref_language="لغة أسئلتنا",
        pref_topics="يمكن لـ {brand} أن تسألني عن",
        pref_topic_relationship="رأيي العام في {brand}",
        pref_topic_transactional="تجارب بعينها، مثل شراء أو طلب دعم",
        pref_pause="إيقاف جميع الاستبيانات مدة 6 أشهر",
        pref_pause_hint="تُستأنف بعد ذلك من تلقاء نفسها دون أن تفعلوا شيئًا.",
        pref_paused_until="الاستبيانات متوقفة حتى {date}.",
        pref_resume="إنهاء الإيقاف",
        pref_save="حفظ",
        pref_saved=Page(title="تم الحفظ", body="ستلتزم {brand} باختياركم من الآن."),
        sms_question="{brand}: {question} أجيبوا برقم من {low} إلى {high} أو هنا: {link}",
        sms_stop="لإلغاء الاشتراك أرسلوا STOP.",
        sms_thanks="شكرًا لكم. إن شئتم فأجيبوا مرة أخرى وأخبرونا بالسبب.",
        sms_unclear="عذرًا، لم نفهم. يرجى الإجابة برقم واحد من {low} إلى {high}.",
        sms_stopped="لن ترسل إليكم {brand} استبيانات برسائل نصية بعد الآن. لاستقبالها مجددًا أرسلوا START.",
        sms_started="ستصلكم استبيانات {brand} مجددًا. لإلغاء الاشتراك أرسلوا STOP.",
        sms_help="تسألكم {brand} عن رأيكم من حين إلى آخر. لإلغاء الاشتراك أرسلوا STOP.",
        widget_label="سؤال من {brand}",
        widget_close="إغلاق",
        widget_thanks="شكرًا جزيلًا",
        kiosk_restart=Plural(
            one="يمكن للشخص التالي الإجابة بعد ثانية واحدة.",
            two="يمكن للشخص التالي الإجابة بعد ثانيتين.",
            few="يمكن للشخص التالي الإجابة بعد {count} ثوانٍ.",
            many="يمكن للشخص التالي الإجابة بعد {count} ثانية.",
            other="يمكن للشخص التالي الإجابة بعد {count} ثانية.",
        ),
        kiosk_next="الشخص التالي",
    ),
)
