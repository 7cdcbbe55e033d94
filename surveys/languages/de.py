"""German, addressing people as Sie."""

from surveys.texts import ByCategory, Language, Page, Plural, Texts

LANGUAGE = Language(
    tag="de",
    name="Deutsch",
    texts=Texts(
        question="Wie wahrscheinlich ist es, dass Sie {subject} im Freundes- oder Kollegenkreis weiterempfehlen?",
        scale_low="sehr unwahrscheinlich",
        scale_high="sehr wahrscheinlich",
        scale_low_labelled="0 – sehr unwahrscheinlich",
        scale_high_labelled="10 – sehr wahrscheinlich",
        score_name="{score} von 10",
        scale_legend="0 heißt sehr unwahrscheinlich, 10 heißt sehr wahrscheinlich",
        subject_fallback="uns",
        mail_subject="Eine kurze Frage von {brand}",
        mail_subject_reminder="Eine Frage von {brand}, falls Sie zehn Sekunden haben",
        mail_preheader="Ein Klick auf eine Zahl genügt.",
        mail_intro=(
            "Guten Tag {{{{ full_name }}}},\n\n"
            "wir möchten gern wissen, wie Sie mit {subject} zurechtkommen. Eine Frage, zehn Sekunden:"
        ),
        mail_intro_reminder=(
            "Guten Tag {{{{ full_name }}}},\n\n"
            "vor einigen Tagen haben wir Sie nach {subject} gefragt. Wenn Sie zehn Sekunden haben, hilft uns Ihre Antwort:"
        ),
        mail_closing="Jede Antwort wird von einem Menschen gelesen.",
        mail_signature="{{{{ owner_name|Ihr Team von {brand} }}}}",
        mail_reply_hint="Oder antworten Sie einfach auf diese Mail.",
        mail_choose_score="Wählen Sie eine Zahl, indem Sie ihren Link öffnen:",
        mail_text_unsubscribe="Abmelden:",
        mail_text_ask_less="Seltener fragen:",
        mail_footer_reason="Sie erhalten diese Mail, weil Sie mit {brand} arbeiten.",
        mail_logo_alt="{brand}",
        unsubscribe="Abmelden",
        ask_me_less="Fragen Sie mich seltener",
        ask_at_most=Plural(
            one="Wir fragen höchstens einmal im Jahr.",
            other="Wir fragen höchstens {count}-mal im Jahr.",
        ),
        test_banner="Dies ist ein Test. Antworten darauf werden nirgends gezählt.",
        test_subject_prefix="[Test]",
        page_title="Ihre Meinung zu {brand}",
        your_score="Ihre Bewertung",
        choose_score="Wählen Sie eine Zahl von 0 bis 10",
        change_score="Bewertung ändern",
        follow_up=ByCategory(
            promoter="Was schätzen Sie an {subject} am meisten?",
            passive="Was hätte daraus eine 9 oder 10 gemacht?",
            detractor="Was sollten wir zuerst in Ordnung bringen?",
        ),
        follow_up_unscored="Was ist der Hauptgrund für Ihre Bewertung?",
        comment_label="Ihr Kommentar",
        comment_optional="freiwillig",
        comment_too_long="Bitte kürzen Sie Ihren Kommentar auf {limit} Zeichen; nichts von Ihrem Text geht verloren.",
        comment_left=Plural(one="Noch {count} Zeichen", other="Noch {count} Zeichen"),
        send="Absenden",
        sending="Wird gesendet …",
        save_change="Änderung speichern",
        score_saved="Ihre Bewertung ist gespeichert. Ein paar Worte dazu würden uns helfen, sie zu verstehen.",
        edit_window=Plural(
            one="Sie können Ihre Antwort noch {count} Stunde lang ändern.",
            other="Sie können Ihre Antwort noch {count} Stunden lang ändern.",
        ),
        read_by="Es liest {name}, Ihre Ansprechperson bei uns.",
        consent_contact="Sie dürfen mich dazu kontaktieren",
        consent_publish="Sie dürfen mich namentlich zitieren",
        privacy_link="Datenschutz",
        privacy_note="{brand} verwendet Ihre Antwort, um besser zu werden und sich bei Ihnen zu melden. "
        "Sie wird weder verkauft noch weitergegeben.",
        language_label="Sprache",
        skip_to_question="Zur Frage springen",
        try_again="Erneut versuchen",
        score_missing="Bitte wählen Sie eine Zahl von 0 bis 10.",
        thanks_title="Vielen Dank",
        thanks=ByCategory(
            promoter="Es freut uns, dass Sie mit {subject} so zufrieden sind. Ihre Antwort ist angekommen.",
            passive="Ihre Antwort ist angekommen. Sie hilft uns, {subject} besser zu machen.",
            detractor="Danke für Ihre Offenheit. Ihre Antwort ist angekommen, und ein Mensch wird sie lesen.",
        ),
        thanks_link=ByCategory(
            promoter="Teilen Sie Ihre Erfahrung",
            passive="Sehen Sie, was es Neues gibt",
            detractor="Sprechen Sie mit uns",
        ),
        thanks_change="Meine Antwort ändern",
        thanks_updated="Ihre Änderung ist gespeichert.",
        expired=Page(
            title="Dieser Link ist abgelaufen",
            body="Die Frage war nur für begrenzte Zeit offen. Wenn Sie uns noch etwas sagen möchten, antworten Sie auf "
            "die Mail.",
        ),
        used=Page(
            title="Sie haben schon geantwortet",
            body="Vielen Dank, Ihre Antwort ist angekommen. Hier lässt sie sich nicht mehr ändern; wenn etwas fehlt, "
            "antworten Sie auf die Mail.",
        ),
        forged=Page(
            title="Diesen Link kennen wir nicht",
            body="Vielleicht wurde er unterwegs abgeschnitten. Bitte öffnen Sie ihn noch einmal aus der Mail oder kopieren "
            "Sie die ganze Adresse.",
        ),
        closed=Page(
            title="Diese Umfrage ist geschlossen",
            body="Sie nimmt keine Antworten mehr an. Danke, dass Sie antworten wollten.",
        ),
        trouble=Page(
            title="Das hat nicht geklappt",
            body="Der Fehler liegt bei uns, und Ihre Antwort wurde nicht gespeichert. Bitte versuchen Sie es in einer "
            "Minute noch einmal.",
        ),
        too_many=Page(
            title="Zu viele Anfragen",
            body="Bitte warten Sie eine Minute und versuchen Sie es dann noch einmal. Nichts, was Sie schon gesendet "
            "haben, geht verloren.",
        ),
        once_more=Page(
            title="Bitte noch ein Klick",
            body="Auch Programme öffnen solche Links. Damit nur Menschen zählen, drücken Sie den Knopf bitte noch "
            "einmal; alles Eingegebene ist noch da.",
        ),
        preview_note="Vorschau. Was Sie hier tun, wird nicht gespeichert.",
        test_note="Test. Ihre Antwort wird Ihnen gezeigt, aber nirgends gezählt.",
        unsubscribe_confirm=Page(
            title="Keine Umfragen mehr von {brand}?",
            body="Wir schicken dann keine Umfragen mehr an diese Adresse. Andere Mails von {brand} sind davon nicht "
            "betroffen.",
        ),
        unsubscribe_button="Keine Umfragen mehr",
        unsubscribe_done=Page(
            title="Keine Umfragen mehr",
            body="{brand} schickt keine Umfragen mehr an diese Adresse.",
        ),
        unsubscribe_already=Page(
            title="Sie sind bereits abgemeldet",
            body="{brand} schickt keine Umfragen an diese Adresse.",
        ),
        unsubscribe_undo="Das war ein Versehen, fragen Sie mich wieder",
        unsubscribe_undone=Page(
            title="Wir fragen Sie wieder",
            body="{brand} darf wieder Umfragen an diese Adresse schicken.",
        ),
        ask_less_confirm=Page(
            title="Seltener gefragt werden?",
            body="{brand} fragt Sie dann höchstens einmal im Jahr.",
        ),
        ask_less_button="Seltener fragen",
        ask_less_done=Page(
            title="Wir fragen seltener",
            body="{brand} fragt Sie höchstens einmal im Jahr.",
        ),
        keep_asking="Alles lassen, wie es ist",
        unsubscribe_reason="Wenn Sie mögen, sagen Sie uns, warum (freiwillig)",
    ),
)
