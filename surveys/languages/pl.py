"""Polish, addressing people as Państwo."""

from surveys.texts import ByCategory, ByLevel, Language, Page, Plural, ScaleTexts, Texts


def _plural(count: int) -> str:
    if count == 1:
        return "one"
    return "few" if count % 10 in {2, 3, 4} and count % 100 not in {12, 13, 14} else "many"


LANGUAGE = Language(
    tag="pl",
    name="Polski",
    plural_rule=_plural,
    texts=Texts(
        question="Na ile prawdopodobne jest, że polecą Państwo {subject} znajomym lub współpracownikom?",
        scale_low="bardzo mało prawdopodobne",
        scale_high="bardzo prawdopodobne",
        scale_low_labelled="0 – bardzo mało prawdopodobne",
        scale_high_labelled="10 – bardzo prawdopodobne",
        score_name="{score} z 10",
        scale_legend="0 oznacza bardzo mało prawdopodobne, 10 bardzo prawdopodobne",
        subject_fallback="nasze usługi",
        csat=ScaleTexts(
            question="Jak oceniają Państwo {subject}?",
            low="bardzo źle",
            high="bardzo dobrze",
            points=("bardzo źle", "źle", "ani dobrze, ani źle", "dobrze", "bardzo dobrze"),
            choose_score="Proszę wybrać od 1 (bardzo źle) do 5 (bardzo dobrze)",
            score_missing="Proszę wybrać ocenę.",
            mail_preheader="Wystarczy jedno kliknięcie.",
            follow_up=ByLevel(
                good="Co podobało się najbardziej?", middle="Co mogło być lepsze?", bad="Co poszło nie tak?"
            ),
        ),
        ces=ScaleTexts(
            question="Jak łatwo udało się Państwu załatwić sprawę: {subject}?",
            low="bardzo trudno",
            high="bardzo łatwo",
            points=(
                "bardzo trudno",
                "trudno",
                "raczej trudno",
                "ani łatwo, ani trudno",
                "raczej łatwo",
                "łatwo",
                "bardzo łatwo",
            ),
            choose_score="Proszę wybrać liczbę od 1 (bardzo trudno) do 7 (bardzo łatwo)",
            score_missing="Proszę wybrać liczbę od 1 do 7.",
            mail_preheader="Wystarczy kliknąć liczbę.",
            follow_up=ByLevel(
                good="Co było ułatwieniem?", middle="Co mogło być łatwiejsze?", bad="Co sprawiło trudność?"
            ),
        ),
        questions_title="Jeszcze kilka pytań",
        question_required="Proszę odpowiedzieć na to pytanie.",
        question_many="Można wybrać kilka odpowiedzi.",
        question_optional="opcjonalnie",
        point_name="{score} z {high}",
        next="Dalej",
        back="Wstecz",
        mail_subject="Krótkie pytanie od {brand}",
        mail_subject_reminder="Pytanie od {brand}, jeśli mają Państwo dziesięć sekund",
        mail_preheader="Wystarczy kliknąć liczbę.",
        mail_intro="Dzień dobry {{{{ full_name| }}}},\n\nchcielibyśmy poznać Państwa opinię: {subject}. Jedno pytanie, dziesięć sekund:",
        mail_intro_reminder="Dzień dobry {{{{ full_name| }}}},\n\nkilka dni temu pytaliśmy o {subject}. Odpowiedź zajmie dziesięć sekund i bardzo nam pomoże:",
        mail_closing="Każdą odpowiedź czyta człowiek.",
        mail_signature="{{{{ owner_name|Zespół {brand} }}}}",
        mail_reply_hint="Można też po prostu odpowiedzieć na tę wiadomość.",
        mail_choose_score="Proszę wybrać liczbę, otwierając jej link:",
        mail_text_unsubscribe="Rezygnacja:",
        mail_text_ask_less="Rzadsze pytania:",
        mail_footer_reason="Otrzymują Państwo tę wiadomość, ponieważ współpracują Państwo z {brand}.",
        mail_logo_alt="{brand}",
        unsubscribe="Rezygnacja",
        ask_me_less="Proszę pytać rzadziej",
        ask_at_most=Plural(
            one="Pytamy najwyżej raz w roku.",
            few="Pytamy najwyżej {count} razy w roku.",
            many="Pytamy najwyżej {count} razy w roku.",
            other="Pytamy najwyżej {count} razy w roku.",
        ),
        test_banner="To jest test. Odpowiedzi nie są nigdzie liczone.",
        test_subject_prefix="[Test]",
        page_title="Państwa opinia o {brand}",
        your_score="Państwa ocena",
        choose_score="Proszę wybrać liczbę od 0 do 10",
        change_score="Zmień ocenę",
        follow_up=ByCategory(
            promoter="Co najbardziej cenią Państwo w {subject}?",
            passive="Czego zabrakło do oceny 9 lub 10?",
            detractor="Co powinniśmy poprawić w pierwszej kolejności?",
        ),
        follow_up_unscored="Jaki jest główny powód tej oceny?",
        comment_label="Komentarz",
        comment_optional="opcjonalnie",
        comment_too_long="Proszę skrócić komentarz do {limit} znaków; nic z napisanego tekstu nie przepadnie.",
        comment_left=Plural(
            one="Został {count} znak",
            few="Zostały {count} znaki",
            many="Zostało {count} znaków",
            other="Zostało {count} znaku",
        ),
        send="Wyślij",
        sending="Wysyłanie…",
        save_change="Zapisz zmianę",
        score_saved="Ocena jest zapisana. Kilka słów pomoże nam ją zrozumieć.",
        edit_window=Plural(
            one="Odpowiedź można zmienić przez {count} godzinę.",
            few="Odpowiedź można zmienić przez {count} godziny.",
            many="Odpowiedź można zmienić przez {count} godzin.",
            other="Odpowiedź można zmienić przez {count} godziny.",
        ),
        read_by="Odpowiedź przeczyta {name}, Państwa opiekun.",
        consent_contact="Można się ze mną skontaktować w tej sprawie",
        consent_publish="Można mnie cytować z imienia i nazwiska",
        privacy_link="Prywatność",
        privacy_note="{brand} wykorzystuje odpowiedź, aby ulepszać usługi i do Państwa wrócić. Nie jest ona sprzedawana ani przekazywana dalej.",
        language_label="Język",
        skip_to_question="Przejdź do pytania",
        try_again="Spróbuj ponownie",
        score_missing="Proszę wybrać liczbę od 0 do 10.",
        thanks_title="Dziękujemy",
        thanks=ByCategory(
            promoter="Cieszymy się, że {subject} tak dobrze się sprawdza. Odpowiedź do nas dotarła.",
            passive="Odpowiedź do nas dotarła. Wykorzystamy ją, aby ulepszyć {subject}.",
            detractor="Dziękujemy za szczerość. Odpowiedź do nas dotarła i przeczyta ją człowiek.",
        ),
        thanks_link=ByCategory(
            promoter="Podziel się wrażeniami", passive="Zobacz nowości", detractor="Porozmawiaj z nami"
        ),
        thanks_change="Zmień moją odpowiedź",
        thanks_updated="Zmiana jest zapisana.",
        expired=Page(
            title="Ten link wygasł",
            body="Na pytanie można było odpowiedzieć przez ograniczony czas. Można jeszcze odpowiedzieć na wiadomość.",
        ),
        used=Page(
            title="Odpowiedź już jest",
            body="Dziękujemy, odpowiedź do nas dotarła. Tutaj nie można jej już zmienić; w razie potrzeby proszę odpowiedzieć na wiadomość.",
        ),
        forged=Page(
            title="Nie znamy tego linku",
            body="Być może został ucięty po drodze. Proszę otworzyć go ponownie z wiadomości lub skopiować cały adres.",
        ),
        closed=Page(
            title="Ta ankieta jest zamknięta",
            body="Nie przyjmuje już odpowiedzi. Dziękujemy za chęć udziału.",
        ),
        trouble=Page(
            title="Nie udało się",
            body="Błąd jest po naszej stronie i odpowiedź nie została zapisana. Proszę spróbować ponownie za minutę.",
        ),
        too_many=Page(
            title="Zbyt wiele zapytań",
            body="Proszę odczekać minutę i spróbować ponownie. Nic z tego, co wysłano wcześniej, nie przepadło.",
        ),
        once_more=Page(
            title="Jeszcze jedno kliknięcie",
            body="Takie linki otwierają też programy. Aby liczyli się tylko ludzie, proszę nacisnąć przycisk jeszcze raz; wszystko, co wpisano, nadal tu jest.",
        ),
        preview_note="Podgląd. Nic z tego, co Państwo tu zrobią, nie zostanie zapisane.",
        test_note="Test. Odpowiedź jest pokazywana, ale nigdzie nie liczona.",
        unsubscribe_confirm=Page(
            title="Zrezygnować z ankiet od {brand}?",
            body="Nie będziemy wysyłać ankiet na ten adres. Nie dotyczy to innych wiadomości od {brand}.",
        ),
        unsubscribe_button="Nie chcę ankiet",
        unsubscribe_done=Page(
            title="Koniec ankiet", body="{brand} nie będzie już wysyłać ankiet na ten adres."
        ),
        unsubscribe_already=Page(
            title="Rezygnacja jest już zapisana", body="{brand} nie wysyła ankiet na ten adres."
        ),
        unsubscribe_undo="To pomyłka, proszę pytać dalej",
        unsubscribe_undone=Page(
            title="Będziemy znów pytać", body="{brand} może znów wysyłać ankiety na ten adres."
        ),
        ask_less_confirm=Page(title="Pytać rzadziej?", body="{brand} zapyta wtedy najwyżej raz w roku."),
        ask_less_button="Proszę pytać rzadziej",
        ask_less_done=Page(title="Będziemy pytać rzadziej", body="{brand} zapyta najwyżej raz w roku."),
        keep_asking="Zostaw bez zmian",
        unsubscribe_reason="Można nam napisać dlaczego (opcjonalnie)",
        pref_title="Ankiety od {brand}",
        pref_intro="Proszę wybrać, o co i kiedy {brand} może pytać.",
        pref_link="Ustawienia ankiet",
        pref_language="Język naszych pytań",
        pref_topics="{brand} może pytać o",
        pref_topic_relationship="ogólną opinię o {brand}",
        pref_topic_transactional="pojedyncze doświadczenia, na przykład zakup lub zgłoszenie",
        pref_pause="Wstrzymaj wszystkie ankiety na 6 miesięcy",
        pref_pause_hint="Potem ruszą same, bez żadnych działań.",
        pref_paused_until="Ankiety są wstrzymane do {date}.",
        pref_resume="Zakończ przerwę",
        pref_save="Zapisz",
        pref_saved=Page(title="Zapisano", body="{brand} będzie odtąd przestrzegać tego wyboru."),
        sms_question="{brand}: {question} Proszę odpisać liczbę od {low} do {high} lub odpowiedzieć tutaj: {link}",
        sms_stop="Rezygnacja: STOP.",
        sms_thanks="Dziękujemy. Można odpisać jeszcze raz i podać powód.",
        sms_unclear="Nie zrozumieliśmy. Proszę odpisać jedną liczbę od {low} do {high}.",
        sms_stopped="{brand} nie będzie już wysyłać ankiet SMS-em. Aby je znów otrzymywać, proszę odpisać START.",
        sms_started="Ankiety od {brand} będą znów przychodzić. Rezygnacja: STOP.",
        sms_help="{brand} pyta czasem o opinię. Rezygnacja: STOP.",
        widget_label="Pytanie od {brand}",
        widget_close="Zamknij",
        widget_thanks="Bardzo dziękujemy",
        kiosk_restart=Plural(
            one="Następna osoba może odpowiedzieć za {count} sekundę.",
            few="Następna osoba może odpowiedzieć za {count} sekundy.",
            many="Następna osoba może odpowiedzieć za {count} sekund.",
            other="Następna osoba może odpowiedzieć za {count} sekundy.",
        ),
        kiosk_next="Następna osoba",
    ),
)
