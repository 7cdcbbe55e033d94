"""German, addressing people as Sie."""

from surveys.texts import ByCategory, ByLevel, Language, Page, Plural, ScaleTexts, Texts

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
        csat=ScaleTexts(
            question="Wie zufrieden sind Sie mit {subject}?",
            low="sehr unzufrieden",
            high="sehr zufrieden",
            points=(
                "sehr unzufrieden",
                "unzufrieden",
                "weder zufrieden noch unzufrieden",
                "zufrieden",
                "sehr zufrieden",
            ),
            choose_score="Wählen Sie von 1 (sehr unzufrieden) bis 5 (sehr zufrieden)",
            score_missing="Bitte wählen Sie, wie zufrieden Sie sind.",
            mail_preheader="Ein Klick genügt.",
            follow_up=ByLevel(
                good="Was hat Ihnen am besten gefallen?",
                middle="Was hätte es besser gemacht?",
                bad="Was ist schiefgegangen?",
            ),
        ),
        ces=ScaleTexts(
            question="Wie leicht war es, Ihr Anliegen mit {subject} zu erledigen?",
            low="sehr schwierig",
            high="sehr leicht",
            points=(
                "sehr schwierig",
                "schwierig",
                "eher schwierig",
                "weder leicht noch schwierig",
                "eher leicht",
                "leicht",
                "sehr leicht",
            ),
            choose_score="Wählen Sie eine Zahl von 1 (sehr schwierig) bis 7 (sehr leicht)",
            score_missing="Bitte wählen Sie eine Zahl von 1 bis 7.",
            mail_preheader="Ein Klick auf eine Zahl genügt.",
            follow_up=ByLevel(
                good="Was hat es leicht gemacht?",
                middle="Was hätte es leichter gemacht?",
                bad="Was hat es schwierig gemacht?",
            ),
        ),
        questions_title="Noch ein paar Fragen",
        question_required="Bitte beantworten Sie diese Frage.",
        question_many="Mehrere Antworten sind möglich.",
        question_optional="freiwillig",
        point_name="{score} von {high}",
        next="Weiter",
        back="Zurück",
        mail_subject="Eine kurze Frage von {brand}",
        mail_subject_reminder="Eine Frage von {brand}, falls Sie zehn Sekunden haben",
        mail_preheader="Ein Klick auf eine Zahl genügt.",
        mail_intro=(
            "Guten Tag {{{{ full_name| }}}},\n\n"
            "wir möchten gern wissen, wie Sie mit {subject} zurechtkommen. Eine Frage, zehn Sekunden:"
        ),
        mail_intro_reminder=(
            "Guten Tag {{{{ full_name| }}}},\n\n"
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
        pref_title="Umfragen von {brand}",
        pref_intro="Wählen Sie, wonach {brand} Sie fragen darf und wann.",
        pref_link="Einstellungen für Umfragen",
        pref_language="Sprache unserer Fragen",
        pref_topics="{brand} darf mich fragen nach",
        pref_topic_relationship="meiner Meinung zu {brand} insgesamt",
        pref_topic_transactional="einzelnen Erlebnissen, etwa einem Kauf oder einer Support-Anfrage",
        pref_pause="Alle Umfragen 6 Monate aussetzen",
        pref_pause_hint="Danach geht es von selbst weiter, Sie müssen nichts tun.",
        pref_paused_until="Umfragen sind bis {date} ausgesetzt.",
        pref_resume="Pause beenden",
        pref_save="Speichern",
        pref_saved=Page(title="Gespeichert", body="{brand} hält sich ab jetzt an Ihre Wahl."),
        sms_question="{brand}: {question} Antworten Sie mit einer Zahl von {low} bis {high} oder hier: {link}",
        sms_stop="Abmelden: STOP antworten.",
        sms_thanks="Vielen Dank. Wenn Sie mögen, antworten Sie noch einmal und sagen uns, warum.",
        sms_unclear="Das haben wir leider nicht verstanden. Bitte antworten Sie mit einer Zahl von {low} bis {high}.",
        sms_stopped="{brand} schickt Ihnen keine Umfragen mehr per SMS. Antworten Sie START, um wieder gefragt zu werden.",
        sms_started="Sie erhalten wieder Umfragen von {brand}. Abmelden: STOP antworten.",
        sms_help="{brand} fragt Sie hin und wieder nach Ihrer Meinung. Abmelden: STOP antworten.",
        widget_label="Eine Frage von {brand}",
        widget_close="Schließen",
        widget_thanks="Vielen Dank",
        kiosk_restart=Plural(
            one="Die nächste Person kann in {count} Sekunde antworten.",
            other="Die nächste Person kann in {count} Sekunden antworten.",
        ),
        kiosk_next="Nächste Person",
    ),
)
