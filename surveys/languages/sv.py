"""Swedish, addressing people as du, as is customary there in business too."""

from surveys.texts import ByCategory, ByLevel, Language, Page, Plural, ScaleTexts, Texts

LANGUAGE = Language(
    tag="sv",
    name="Svenska",
    texts=Texts(
        question="Hur sannolikt är det att du skulle rekommendera {subject} till en vän eller kollega?",
        scale_low="inte alls sannolikt",
        scale_high="mycket sannolikt",
        scale_low_labelled="0 – inte alls sannolikt",
        scale_high_labelled="10 – mycket sannolikt",
        score_name="{score} av 10",
        scale_legend="0 betyder inte alls sannolikt, 10 betyder mycket sannolikt",
        subject_fallback="oss",
        csat=ScaleTexts(
            question="Hur nöjd är du med {subject}?",
            low="mycket missnöjd",
            high="mycket nöjd",
            points=("mycket missnöjd", "missnöjd", "varken nöjd eller missnöjd", "nöjd", "mycket nöjd"),
            choose_score="Välj från 1 (mycket missnöjd) till 5 (mycket nöjd)",
            score_missing="Välj hur nöjd du är.",
            mail_preheader="Det räcker med ett klick.",
            follow_up=ByLevel(
                good="Vad tyckte du bäst om?", middle="Vad hade gjort det bättre?", bad="Vad gick fel?"
            ),
        ),
        ces=ScaleTexts(
            question="Hur lätt var det att få det du behövde av {subject}?",
            low="mycket svårt",
            high="mycket lätt",
            points=(
                "mycket svårt",
                "svårt",
                "ganska svårt",
                "varken lätt eller svårt",
                "ganska lätt",
                "lätt",
                "mycket lätt",
            ),
            choose_score="Välj en siffra från 1 (mycket svårt) till 7 (mycket lätt)",
            score_missing="Välj en siffra från 1 till 7.",
            mail_preheader="Det räcker med ett klick på en siffra.",
            follow_up=ByLevel(
                good="Vad gjorde det lätt?", middle="Vad hade gjort det lättare?", bad="Vad gjorde det svårt?"
            ),
        ),
        questions_title="Några frågor till",
        question_required="Svara på den här frågan.",
        question_many="Flera svar är möjliga.",
        question_optional="frivilligt",
        point_name="{score} av {high}",
        next="Nästa",
        back="Tillbaka",
        mail_subject="En kort fråga från {brand}",
        mail_subject_reminder="En fråga från {brand}, om du har tio sekunder",
        mail_preheader="Det räcker med ett klick på en siffra.",
        mail_intro="Hej {{{{ first_name| }}}},\n\nvi vill gärna veta vad du tycker om {subject}. En fråga, tio sekunder:",
        mail_intro_reminder=(
            "Hej {{{{ first_name| }}}},\n\nför några dagar sedan frågade vi dig om {subject}. Om du har tio sekunder skulle ditt svar hjälpa oss:"
        ),
        mail_closing="Varje svar läses av en människa.",
        mail_signature="{{{{ owner_name|Teamet på {brand} }}}}",
        mail_reply_hint="Eller svara helt enkelt på det här mejlet.",
        mail_choose_score="Välj en siffra genom att öppna dess länk:",
        mail_text_unsubscribe="Avregistrera dig:",
        mail_text_ask_less="Bli tillfrågad mer sällan:",
        mail_footer_reason="Du får det här mejlet eftersom du arbetar med {brand}.",
        mail_logo_alt="{brand}",
        unsubscribe="Avregistrera dig",
        ask_me_less="Fråga mig mer sällan",
        ask_at_most=Plural(
            one="Vi frågar högst en gång om året.", other="Vi frågar högst {count} gånger om året."
        ),
        test_banner="Det här är ett test. Svaren räknas inte någonstans.",
        test_subject_prefix="[Test]",
        page_title="Din åsikt om {brand}",
        your_score="Ditt betyg",
        choose_score="Välj en siffra från 0 till 10",
        change_score="Ändra betyget",
        follow_up=ByCategory(
            promoter="Vad uppskattar du mest med {subject}?",
            passive="Vad hade gjort det till en 9:a eller 10:a?",
            detractor="Vad bör vi rätta till först?",
        ),
        follow_up_unscored="Vilket är det viktigaste skälet till ditt betyg?",
        comment_label="Din kommentar",
        comment_optional="frivilligt",
        comment_too_long="Korta din kommentar till {limit} tecken; inget av det du skrivit går förlorat.",
        comment_left=Plural(one="{count} tecken kvar", other="{count} tecken kvar"),
        send="Skicka",
        sending="Skickar…",
        save_change="Spara ändringen",
        score_saved="Ditt betyg är sparat. Några ord skulle hjälpa oss att förstå det.",
        edit_window=Plural(
            one="Du kan ändra ditt svar i {count} timme.", other="Du kan ändra ditt svar i {count} timmar."
        ),
        read_by="Läses av {name}, som är din kontaktperson.",
        consent_contact="Ni får kontakta mig om det här",
        consent_publish="Ni får citera mig med namn",
        privacy_link="Integritet",
        privacy_note="{brand} använder ditt svar för att förbättra tjänsten och återkomma till dig. Det säljs inte och lämnas inte vidare.",
        language_label="Språk",
        skip_to_question="Gå till frågan",
        try_again="Försök igen",
        score_missing="Välj en siffra från 0 till 10.",
        thanks_title="Tack",
        thanks=ByCategory(
            promoter="Vi är glada att {subject} fungerar så bra för dig. Ditt svar har kommit fram.",
            passive="Ditt svar har kommit fram. Vi använder det för att göra {subject} bättre.",
            detractor="Tack för din uppriktighet. Ditt svar har kommit fram och en människa kommer att läsa det.",
        ),
        thanks_link=ByCategory(
            promoter="Dela din erfarenhet", passive="Se vad som är nytt", detractor="Prata med oss"
        ),
        thanks_change="Ändra mitt svar",
        thanks_updated="Din ändring är sparad.",
        expired=Page(
            title="Länken har gått ut",
            body="Frågan var öppen under en begränsad tid. Vill du ändå berätta något, svara på mejlet.",
        ),
        used=Page(
            title="Du har redan svarat",
            body="Tack, ditt svar har kommit fram. Det går inte längre att ändra här; saknas något, svara på mejlet.",
        ),
        forged=Page(
            title="Vi känner inte till länken",
            body="Den kan ha blivit avklippt på vägen. Öppna den igen från mejlet eller kopiera hela adressen.",
        ),
        closed=Page(
            title="Undersökningen är stängd", body="Den tar inte emot fler svar. Tack för att du ville svara."
        ),
        trouble=Page(
            title="Det gick inte",
            body="Felet ligger hos oss och ditt svar sparades inte. Försök igen om en minut.",
        ),
        too_many=Page(
            title="För många förfrågningar",
            body="Vänta en minut och försök igen. Inget du skickat tidigare har gått förlorat.",
        ),
        once_more=Page(
            title="Ett klick till, tack",
            body="Även program öppnar sådana länkar. För att bara människor ska räknas, tryck på knappen en gång till; allt du skrev finns kvar.",
        ),
        preview_note="Förhandsvisning. Inget du gör här sparas.",
        test_note="Test. Ditt svar visas för dig men räknas inte någonstans.",
        unsubscribe_confirm=Page(
            title="Inga fler undersökningar från {brand}?",
            body="Vi skickar inga fler undersökningar till den här adressen. Andra mejl från {brand} påverkas inte.",
        ),
        unsubscribe_button="Inga fler undersökningar",
        unsubscribe_done=Page(
            title="Inga fler undersökningar",
            body="{brand} skickar inga fler undersökningar till den här adressen.",
        ),
        unsubscribe_already=Page(
            title="Du är redan avregistrerad",
            body="{brand} skickar inga undersökningar till den här adressen.",
        ),
        unsubscribe_undo="Det var ett misstag, fråga mig igen",
        unsubscribe_undone=Page(
            title="Vi frågar dig igen", body="{brand} får skicka undersökningar till den här adressen igen."
        ),
        ask_less_confirm=Page(
            title="Bli tillfrågad mer sällan?", body="{brand} frågar dig då högst en gång om året."
        ),
        ask_less_button="Fråga mig mer sällan",
        ask_less_done=Page(title="Vi frågar mer sällan", body="{brand} frågar dig högst en gång om året."),
        keep_asking="Låt allt vara som det är",
        unsubscribe_reason="Berätta gärna varför (frivilligt)",
        pref_title="Undersökningar från {brand}",
        pref_intro="Välj vad {brand} får fråga dig om, och när.",
        pref_link="Inställningar för undersökningar",
        pref_language="Språk för våra frågor",
        pref_topics="{brand} får fråga mig om",
        pref_topic_relationship="min syn på {brand} som helhet",
        pref_topic_transactional="enskilda upplevelser, till exempel ett köp eller ett supportärende",
        pref_pause="Pausa alla undersökningar i 6 månader",
        pref_pause_hint="Därefter fortsätter de av sig själva, du behöver inte göra något.",
        pref_paused_until="Undersökningarna är pausade till {date}.",
        pref_resume="Avsluta pausen",
        pref_save="Spara",
        pref_saved=Page(title="Sparat", body="{brand} håller sig till ditt val från och med nu."),
        sms_question="{brand}: {question} Svara med en siffra från {low} till {high} eller här: {link}",
        sms_stop="Svara STOP för att slippa fler.",
        sms_thanks="Tack. Svara gärna en gång till och berätta varför.",
        sms_unclear="Vi förstod inte. Svara med en enda siffra från {low} till {high}.",
        sms_stopped="{brand} skickar inga fler undersökningar per sms. Svara START för att få dem igen.",
        sms_started="Du får undersökningar från {brand} igen. Svara STOP för att slippa fler.",
        sms_help="{brand} frågar då och då efter din åsikt. Svara STOP för att slippa fler.",
        widget_label="En fråga från {brand}",
        widget_close="Stäng",
        widget_thanks="Tack så mycket",
        kiosk_restart=Plural(
            one="Nästa person kan svara om {count} sekund.",
            other="Nästa person kan svara om {count} sekunder.",
        ),
        kiosk_next="Nästa person",
    ),
)
