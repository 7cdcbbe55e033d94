"""Dutch, addressing people as u."""

from surveys.texts import ByCategory, ByLevel, Language, Page, Plural, ScaleTexts, Texts

LANGUAGE = Language(
    tag="nl",
    name="Nederlands",
    texts=Texts(
        question="Hoe waarschijnlijk is het dat u {subject} aanbeveelt aan een vriend of collega?",
        scale_low="zeer onwaarschijnlijk",
        scale_high="zeer waarschijnlijk",
        scale_low_labelled="0 – zeer onwaarschijnlijk",
        scale_high_labelled="10 – zeer waarschijnlijk",
        score_name="{score} van 10",
        scale_legend="0 is zeer onwaarschijnlijk, 10 is zeer waarschijnlijk",
        subject_fallback="ons",
        csat=ScaleTexts(
            question="Hoe tevreden bent u over {subject}?",
            low="zeer ontevreden",
            high="zeer tevreden",
            points=(
                "zeer ontevreden",
                "ontevreden",
                "niet tevreden en niet ontevreden",
                "tevreden",
                "zeer tevreden",
            ),
            choose_score="Kies van 1 (zeer ontevreden) tot 5 (zeer tevreden)",
            score_missing="Kies hoe tevreden u bent.",
            mail_preheader="Eén klik is genoeg.",
            follow_up=ByLevel(
                good="Wat vond u het beste?", middle="Wat had het beter gemaakt?", bad="Wat ging er mis?"
            ),
        ),
        ces=ScaleTexts(
            question="Hoe gemakkelijk was het om van {subject} te krijgen wat u nodig had?",
            low="zeer moeilijk",
            high="zeer gemakkelijk",
            points=(
                "zeer moeilijk",
                "moeilijk",
                "eerder moeilijk",
                "niet gemakkelijk en niet moeilijk",
                "eerder gemakkelijk",
                "gemakkelijk",
                "zeer gemakkelijk",
            ),
            choose_score="Kies een getal van 1 (zeer moeilijk) tot 7 (zeer gemakkelijk)",
            score_missing="Kies een getal van 1 tot 7.",
            mail_preheader="Eén klik op een getal is genoeg.",
            follow_up=ByLevel(
                good="Wat maakte het gemakkelijk?",
                middle="Wat had het gemakkelijker gemaakt?",
                bad="Wat maakte het moeilijk?",
            ),
        ),
        questions_title="Nog een paar vragen",
        question_required="Beantwoord deze vraag, alstublieft.",
        question_many="Meerdere antwoorden zijn mogelijk.",
        question_optional="niet verplicht",
        point_name="{score} van {high}",
        next="Volgende",
        back="Terug",
        mail_subject="Een korte vraag van {brand}",
        mail_subject_reminder="Eén vraag van {brand}, als u tien seconden hebt",
        mail_preheader="Eén klik op een getal is genoeg.",
        mail_intro="Goedendag {{{{ full_name| }}}},\n\nwe willen graag weten hoe {subject} u bevalt. Eén vraag, tien seconden:",
        mail_intro_reminder=(
            "Goedendag {{{{ full_name| }}}},\n\neen paar dagen geleden vroegen we u naar {subject}. Als u tien seconden hebt, helpt uw"
            " antwoord ons:"
        ),
        mail_closing="Elk antwoord wordt door een mens gelezen.",
        mail_signature="{{{{ owner_name|Het team van {brand} }}}}",
        mail_reply_hint="Of beantwoord gewoon deze mail.",
        mail_choose_score="Kies een getal door de link te openen:",
        mail_text_unsubscribe="Afmelden:",
        mail_text_ask_less="Minder vaak gevraagd worden:",
        mail_footer_reason="U ontvangt deze mail omdat u met {brand} werkt.",
        mail_logo_alt="{brand}",
        unsubscribe="Afmelden",
        ask_me_less="Vraag het me minder vaak",
        ask_at_most=Plural(
            one="We vragen hoogstens één keer per jaar.", other="We vragen hoogstens {count} keer per jaar."
        ),
        test_banner="Dit is een test. Antwoorden worden nergens geteld.",
        test_subject_prefix="[Test]",
        page_title="Uw mening over {brand}",
        your_score="Uw score",
        choose_score="Kies een getal van 0 tot 10",
        change_score="Score wijzigen",
        follow_up=ByCategory(
            promoter="Wat waardeert u het meest aan {subject}?",
            passive="Wat had er een 9 of 10 van gemaakt?",
            detractor="Wat moeten we als eerste verbeteren?",
        ),
        follow_up_unscored="Wat is de belangrijkste reden voor uw score?",
        comment_label="Uw opmerking",
        comment_optional="niet verplicht",
        comment_too_long="Kort uw opmerking in tot {limit} tekens; niets van wat u schreef gaat verloren.",
        comment_left=Plural(one="Nog {count} teken", other="Nog {count} tekens"),
        send="Versturen",
        sending="Wordt verstuurd…",
        save_change="Wijziging opslaan",
        score_saved="Uw score is opgeslagen. Een paar woorden helpen ons om die te begrijpen.",
        edit_window=Plural(
            one="U kunt uw antwoord {count} uur lang wijzigen.",
            other="U kunt uw antwoord {count} uur lang wijzigen.",
        ),
        read_by="Gelezen door {name}, uw contactpersoon.",
        consent_contact="U mag hierover contact met mij opnemen",
        consent_publish="U mag mij met naam citeren",
        privacy_link="Gegevensbescherming",
        privacy_note="{brand} gebruikt uw antwoord om de dienst te verbeteren en om bij u terug te komen. Het wordt niet verkocht of doorgegeven.",
        language_label="Taal",
        skip_to_question="Naar de vraag",
        try_again="Opnieuw proberen",
        score_missing="Kies een getal van 0 tot 10.",
        thanks_title="Dank u wel",
        thanks=ByCategory(
            promoter="We zijn blij dat {subject} zo goed voor u werkt. Uw antwoord is aangekomen.",
            passive="Uw antwoord is aangekomen. We gebruiken het om {subject} beter te maken.",
            detractor="Dank u voor uw openhartigheid. Uw antwoord is aangekomen en een mens zal het lezen.",
        ),
        thanks_link=ByCategory(
            promoter="Deel uw ervaring", passive="Bekijk wat er nieuw is", detractor="Praat met ons"
        ),
        thanks_change="Mijn antwoord wijzigen",
        thanks_updated="Uw wijziging is opgeslagen.",
        expired=Page(
            title="Deze link is verlopen",
            body="De vraag stond beperkte tijd open. Wilt u ons toch iets vertellen, beantwoord dan de mail.",
        ),
        used=Page(
            title="U hebt al geantwoord",
            body="Dank u, uw antwoord is aangekomen. Het kan hier niet meer worden gewijzigd; ontbreekt er iets, beantwoord dan de mail.",
        ),
        forged=Page(
            title="We kennen deze link niet",
            body="Misschien is hij onderweg afgebroken. Open hem opnieuw vanuit de mail of kopieer het hele adres.",
        ),
        closed=Page(
            title="Deze enquête is gesloten",
            body="Er worden geen antwoorden meer aangenomen. Dank u dat u wilde antwoorden.",
        ),
        trouble=Page(
            title="Dat is niet gelukt",
            body="De fout ligt bij ons en uw antwoord is niet opgeslagen. Probeer het over een minuut opnieuw.",
        ),
        too_many=Page(
            title="Te veel verzoeken",
            body="Wacht een minuut en probeer het opnieuw. Niets van wat u eerder verstuurde is verloren.",
        ),
        once_more=Page(
            title="Nog één klik, alstublieft",
            body="Ook programma’s openen zulke links. Druk nog één keer op de knop, zodat alleen mensen tellen; alles wat u invulde staat er nog.",
        ),
        preview_note="Voorbeeld. Niets van wat u hier doet wordt opgeslagen.",
        test_note="Test. Uw antwoord wordt u getoond, maar nergens geteld.",
        unsubscribe_confirm=Page(
            title="Geen enquêtes meer van {brand}?",
            body="We sturen dan geen enquêtes meer naar dit adres. Andere mail van {brand} blijft gewoon komen.",
        ),
        unsubscribe_button="Geen enquêtes meer",
        unsubscribe_done=Page(
            title="Geen enquêtes meer", body="{brand} stuurt geen enquêtes meer naar dit adres."
        ),
        unsubscribe_already=Page(
            title="U bent al afgemeld", body="{brand} stuurt geen enquêtes naar dit adres."
        ),
        unsubscribe_undo="Dat was een vergissing, vraag het me weer",
        unsubscribe_undone=Page(
            title="We vragen u weer", body="{brand} mag weer enquêtes naar dit adres sturen."
        ),
        ask_less_confirm=Page(
            title="Minder vaak gevraagd worden?", body="{brand} vraagt u dan hoogstens één keer per jaar."
        ),
        ask_less_button="Vraag het me minder vaak",
        ask_less_done=Page(
            title="We vragen minder vaak", body="{brand} vraagt u hoogstens één keer per jaar."
        ),
        keep_asking="Alles laten zoals het is",
        unsubscribe_reason="Vertel ons waarom, als u wilt (niet verplicht)",
        pref_title="Enquêtes van {brand}",
        pref_intro="Kies waarover {brand} u iets mag vragen, en wanneer.",
        pref_link="Instellingen voor enquêtes",
        pref_language="Taal van onze vragen",
        pref_topics="{brand} mag mij vragen naar",
        pref_topic_relationship="mijn mening over {brand} als geheel",
        pref_topic_transactional="losse ervaringen, zoals een aankoop of een vraag aan de helpdesk",
        pref_pause="Alle enquêtes 6 maanden pauzeren",
        pref_pause_hint="Daarna gaat het vanzelf weer verder, u hoeft niets te doen.",
        pref_paused_until="Enquêtes zijn gepauzeerd tot {date}.",
        pref_resume="Pauze beëindigen",
        pref_save="Opslaan",
        pref_saved=Page(title="Opgeslagen", body="{brand} houdt zich vanaf nu aan uw keuze."),
        sms_question="{brand}: {question} Antwoord met een getal van {low} tot {high} of hier: {link}",
        sms_stop="Afmelden: antwoord STOP.",
        sms_thanks="Dank u. Antwoord nog een keer als u wilt en vertel ons waarom.",
        sms_unclear="Dat hebben we niet begrepen. Antwoord met één getal van {low} tot {high}.",
        sms_stopped="{brand} stuurt u geen enquêtes meer per sms. Antwoord START om ze weer te ontvangen.",
        sms_started="U ontvangt weer enquêtes van {brand}. Afmelden: antwoord STOP.",
        sms_help="{brand} vraagt u af en toe naar uw mening. Afmelden: antwoord STOP.",
        widget_label="Een vraag van {brand}",
        widget_close="Sluiten",
        widget_thanks="Hartelijk dank",
        kiosk_restart=Plural(
            one="De volgende persoon kan over {count} seconde antwoorden.",
            other="De volgende persoon kan over {count} seconden antwoorden.",
        ),
        kiosk_next="Volgende persoon",
    ),
)
