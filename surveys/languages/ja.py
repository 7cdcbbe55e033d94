"""Japanese, in polite speech."""

from surveys.texts import ByCategory, ByLevel, Language, Page, Plural, ScaleTexts, Texts


def _same(sentence: str) -> Plural:
    """Japanese has one form for every number."""
    return Plural(one=sentence, other=sentence)


LANGUAGE = Language(
    tag="ja",
    name="日本語",
    plural_rule=lambda count: "other",
    texts=Texts(
        question="{subject}をご友人や同僚の方に薦める可能性はどのくらいありますか？",
        scale_low="まったくない",
        scale_high="非常に高い",
        scale_low_labelled="0 – まったくない",
        scale_high_labelled="10 – 非常に高い",
        score_name="10点中{score}点",
        scale_legend="0は「まったくない」、10は「非常に高い」を表します",
        subject_fallback="弊社",
        csat=ScaleTexts(
            question="{subject}にどの程度ご満足いただけましたか？",
            low="非常に不満",
            high="非常に満足",
            points=("非常に不満", "不満", "どちらともいえない", "満足", "非常に満足"),
            choose_score="1（非常に不満）から5（非常に満足）の中からお選びください",
            score_missing="満足度をお選びください。",
            mail_preheader="ワンクリックでお答えいただけます。",
            follow_up=ByLevel(
                good="特に良かった点は何ですか？",
                middle="どうすればさらに良くなりましたか？",
                bad="どのような問題がありましたか？",
            ),
        ),
        ces=ScaleTexts(
            question="{subject}で必要なことを済ませるのは簡単でしたか？",
            low="非常に難しい",
            high="非常に簡単",
            points=(
                "非常に難しい",
                "難しい",
                "やや難しい",
                "どちらともいえない",
                "やや簡単",
                "簡単",
                "非常に簡単",
            ),
            choose_score="1（非常に難しい）から7（非常に簡単）の数字をお選びください",
            score_missing="1から7の数字をお選びください。",
            mail_preheader="数字をクリックするだけでお答えいただけます。",
            follow_up=ByLevel(
                good="簡単だと感じたのはどのような点ですか？",
                middle="どうすればもっと簡単になりましたか？",
                bad="難しいと感じたのはどのような点ですか？",
            ),
        ),
        questions_title="あと少し質問があります",
        question_required="この質問にお答えください。",
        question_many="複数お選びいただけます。",
        question_optional="任意",
        point_name="{high}段階の{score}",
        next="次へ",
        back="戻る",
        mail_subject="{brand}からの短い質問です",
        mail_subject_reminder="{brand}からの質問です（10秒で終わります）",
        mail_preheader="数字をクリックするだけでお答えいただけます。",
        mail_intro="{{{{ full_name|お客様 }}}}\n\n{subject}についてのご感想をお聞かせください。質問は1つ、10秒で終わります。",
        mail_intro_reminder=(
            "{{{{ full_name|お客様 }}}}\n\n先日、{subject}についてお尋ねしました。10秒ほどお時間をいただき、ご回答いただければ幸いです。"
        ),
        mail_closing="いただいた回答はすべて担当者が拝読します。",
        mail_signature="{{{{ owner_name|{brand} }}}}",
        mail_reply_hint="このメールに直接ご返信いただいても構いません。",
        mail_choose_score="数字のリンクを開いてお選びください：",
        mail_text_unsubscribe="配信停止：",
        mail_text_ask_less="回数を減らす：",
        mail_footer_reason="{brand}をご利用いただいている方にお送りしています。",
        mail_logo_alt="{brand}",
        unsubscribe="配信停止",
        ask_me_less="質問の回数を減らす",
        ask_at_most=_same("お尋ねするのは多くても年に{count}回です。"),
        test_banner="これはテストです。回答は集計されません。",
        test_subject_prefix="【テスト】",
        page_title="{brand}へのご意見",
        your_score="あなたの評価",
        choose_score="0から10の数字をお選びください",
        change_score="評価を変更する",
        follow_up=ByCategory(
            promoter="{subject}の最も良い点は何ですか？",
            passive="9点や10点になるには何が必要でしたか？",
            detractor="まず何を改善すべきでしょうか？",
        ),
        follow_up_unscored="その点数をつけた主な理由は何ですか？",
        comment_label="コメント",
        comment_optional="任意",
        comment_too_long="コメントは{limit}文字以内にしてください。入力された内容は失われません。",
        comment_left=_same("残り{count}文字"),
        send="送信",
        sending="送信中…",
        save_change="変更を保存",
        score_saved="評価を保存しました。ひとことお聞かせいただけると助かります。",
        edit_window=_same("回答は{count}時間以内であれば変更できます。"),
        read_by="担当の{name}が拝読します。",
        consent_contact="この件について連絡しても構いません",
        consent_publish="名前を添えて引用しても構いません",
        privacy_link="プライバシー",
        privacy_note="{brand}は、サービスの改善とご連絡のために回答を利用します。販売したり第三者に渡したりすることはありません。",
        language_label="言語",
        skip_to_question="質問へ移動",
        try_again="もう一度試す",
        score_missing="0から10の数字をお選びください。",
        thanks_title="ありがとうございます",
        thanks=ByCategory(
            promoter="{subject}がお役に立てて嬉しく思います。回答を受け取りました。",
            passive="回答を受け取りました。{subject}の改善に役立てます。",
            detractor="率直なご意見をありがとうございます。回答を受け取りました。担当者が拝読します。",
        ),
        thanks_link=ByCategory(promoter="体験を共有する", passive="新着情報を見る", detractor="相談する"),
        thanks_change="回答を変更する",
        thanks_updated="変更を保存しました。",
        expired=Page(
            title="このリンクは期限切れです",
            body="質問の受付期間が終了しました。お伝えになりたいことがあれば、メールにご返信ください。",
        ),
        used=Page(
            title="すでにご回答いただいています",
            body="ありがとうございます。回答を受け取りました。ここではもう変更できません。補足があれば、メールにご返信ください。",
        ),
        forged=Page(
            title="このリンクは確認できません",
            body="途中で切れている可能性があります。メールからもう一度開くか、アドレス全体をコピーしてください。",
        ),
        closed=Page(
            title="このアンケートは終了しました",
            body="回答の受付を終了しました。お答えいただこうとしてくださり、ありがとうございます。",
        ),
        trouble=Page(
            title="うまくいきませんでした",
            body="こちら側の不具合で、回答は保存されませんでした。1分ほどしてからもう一度お試しください。",
        ),
        too_many=Page(
            title="アクセスが多すぎます",
            body="1分ほど待ってからもう一度お試しください。以前に送信された内容は失われていません。",
        ),
        once_more=Page(
            title="もう一度クリックしてください",
            body="このようなリンクはプログラムが開くこともあります。ご本人の回答だけを数えるため、もう一度ボタンを押してください。入力された内容は残っています。",
        ),
        preview_note="プレビューです。ここでの操作は保存されません。",
        test_note="テストです。回答は表示されますが、集計されません。",
        unsubscribe_confirm=Page(
            title="{brand}からのアンケートを停止しますか？",
            body="このアドレスにはアンケートをお送りしなくなります。{brand}からの他のメールには影響しません。",
        ),
        unsubscribe_button="アンケートを停止する",
        unsubscribe_done=Page(
            title="アンケートを停止しました", body="{brand}はこのアドレスにアンケートを送りません。"
        ),
        unsubscribe_already=Page(
            title="すでに停止されています", body="{brand}はこのアドレスにアンケートを送っていません。"
        ),
        unsubscribe_undo="間違えました。再び受け取ります",
        unsubscribe_undone=Page(
            title="再びお尋ねします", body="{brand}はこのアドレスに再びアンケートをお送りします。"
        ),
        ask_less_confirm=Page(
            title="質問の回数を減らしますか？", body="{brand}からお尋ねするのは多くても年に1回になります。"
        ),
        ask_less_button="質問の回数を減らす",
        ask_less_done=Page(
            title="質問の回数を減らします", body="{brand}からお尋ねするのは多くても年に1回です。"
        ),
        keep_asking="このままにする",
        unsubscribe_reason="よろしければ理由をお聞かせください（任意）",
        pref_title="{brand}からのアンケート",
        pref_intro="{brand}が何について、いつお尋ねしてよいかをお選びください。",
        pref_link="アンケートの設定",
        pref_language="質問に使う言語",
        pref_topics="{brand}が尋ねてもよいこと",
        pref_topic_relationship="{brand}全体についての意見",
        pref_topic_transactional="購入やサポートへの問い合わせなど、個別の体験",
        pref_pause="すべてのアンケートを6か月間休止する",
        pref_pause_hint="期間が過ぎると自動的に再開します。お手続きは不要です。",
        pref_paused_until="アンケートは{date}まで休止しています。",
        pref_resume="休止を終える",
        pref_save="保存",
        pref_saved=Page(title="保存しました", body="{brand}は今後この設定に従います。"),
        sms_question="{brand}：{question} {low}から{high}の数字でご返信いただくか、こちらからお答えください：{link}",
        sms_stop="停止はSTOPと返信。",
        sms_thanks="ありがとうございます。よろしければもう一度返信して、理由をお聞かせください。",
        sms_unclear="申し訳ありませんが、認識できませんでした。{low}から{high}の数字を1つだけご返信ください。",
        sms_stopped="{brand}はSMSでのアンケートを送りません。再開するにはSTARTと返信してください。",
        sms_started="{brand}からのアンケートを再びお送りします。停止はSTOPと返信してください。",
        sms_help="{brand}はときどきご意見をお尋ねします。停止はSTOPと返信してください。",
        widget_label="{brand}からの質問",
        widget_close="閉じる",
        widget_thanks="ありがとうございました",
        kiosk_restart=_same("{count}秒後に次の方が回答できます。"),
        kiosk_next="次の方",
    ),
)
