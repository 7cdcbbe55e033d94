"""What only the pages of public links say to a respondent, in each language; English where a language has none."""

from collections.abc import Mapping
from dataclasses import dataclass

from surveys import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTexts:
    email_label: str
    email_hint: str
    too_many_title: str
    too_many_body: str
    restarts_in: str  # {seconds}, a number that changes
    restart: str
    still_there: str  # {seconds}
    carry_on: str
    kiosk_thanks: str


def link_texts(tag: str) -> LinkTexts:
    """The words for a language tag: its own, its parent's, else English."""
    parts = tag.lower().replace("_", "-").split("-")
    while parts:
        found = WORDS.get("-".join(parts))
        if found is not None:
            return found
        parts.pop()
    return WORDS[texts.DEFAULT_LANGUAGE]


WORDS: Mapping[str, LinkTexts] = {
    "en": LinkTexts(
        email_label="Your e-mail address (optional)",
        email_hint="So that we know whose answer this is and can reply.",
        too_many_title="A moment, please",
        too_many_body="Very many answers have just come from here. Please send yours again in a little while; what you wrote is kept below.",
        restarts_in="This page starts again in {seconds} s.",
        restart="Start again",
        still_there="Are you still there? This page starts again in {seconds} s.",
        carry_on="Carry on",
        kiosk_thanks="Your answer is saved.",
    ),
    "de": LinkTexts(
        email_label="Ihre E-Mail-Adresse (freiwillig)",
        email_hint="Damit wir wissen, von wem die Antwort ist, und antworten können.",
        too_many_title="Einen Moment bitte",
        too_many_body="Von hier kamen gerade sehr viele Antworten. Bitte senden Sie Ihre in Kürze noch einmal; was Sie geschrieben haben, steht noch unten.",
        restarts_in="Diese Seite beginnt in {seconds} s von vorn.",
        restart="Von vorn beginnen",
        still_there="Sind Sie noch da? Diese Seite beginnt in {seconds} s von vorn.",
        carry_on="Weiter",
        kiosk_thanks="Ihre Antwort ist gespeichert.",
    ),
    "fr": LinkTexts(
        email_label="Votre adresse e-mail (facultatif)",
        email_hint="Pour que nous sachions de qui vient cette réponse et puissions y répondre.",
        too_many_title="Un instant, s’il vous plaît",
        too_many_body="De très nombreuses réponses viennent d’arriver d’ici. Merci de renvoyer la vôtre dans un petit moment ; ce que vous avez écrit est conservé ci-dessous.",
        restarts_in="Cette page recommence dans {seconds} s.",
        restart="Recommencer",
        still_there="Êtes-vous toujours là ? Cette page recommence dans {seconds} s.",
        carry_on="Continuer",
        kiosk_thanks="Votre réponse est enregistrée.",
    ),
    "es": LinkTexts(
        email_label="Su dirección de correo electrónico (opcional)",
        email_hint="Para que sepamos de quién es esta respuesta y podamos contestar.",
        too_many_title="Un momento, por favor",
        too_many_body="Acaban de llegar muchísimas respuestas desde aquí. Envíe la suya de nuevo dentro de un rato; lo que ha escrito se conserva abajo.",
        restarts_in="Esta página vuelve a empezar en {seconds} s.",
        restart="Volver a empezar",
        still_there="¿Sigue ahí? Esta página vuelve a empezar en {seconds} s.",
        carry_on="Continuar",
        kiosk_thanks="Su respuesta está guardada.",
    ),
    "it": LinkTexts(
        email_label="Il Suo indirizzo e-mail (facoltativo)",
        email_hint="Per sapere di chi è questa risposta e poter rispondere.",
        too_many_title="Un momento, per favore",
        too_many_body="Da qui sono appena arrivate moltissime risposte. Invii di nuovo la Sua tra poco; ciò che ha scritto è conservato qui sotto.",
        restarts_in="Questa pagina ricomincia tra {seconds} s.",
        restart="Ricomincia",
        still_there="È ancora qui? Questa pagina ricomincia tra {seconds} s.",
        carry_on="Continua",
        kiosk_thanks="La Sua risposta è salvata.",
    ),
    "nl": LinkTexts(
        email_label="Uw e-mailadres (niet verplicht)",
        email_hint="Zodat we weten van wie dit antwoord is en kunnen reageren.",
        too_many_title="Een ogenblik alstublieft",
        too_many_body="Er zijn net heel veel antwoorden vanaf hier gekomen. Verstuur het uwe over een poosje opnieuw; wat u hebt geschreven staat hieronder nog.",
        restarts_in="Deze pagina begint over {seconds} s opnieuw.",
        restart="Opnieuw beginnen",
        still_there="Bent u er nog? Deze pagina begint over {seconds} s opnieuw.",
        carry_on="Doorgaan",
        kiosk_thanks="Uw antwoord is opgeslagen.",
    ),
    "pt": LinkTexts(
        email_label="O seu endereço de e-mail (opcional)",
        email_hint="Para sabermos de quem é esta resposta e podermos responder.",
        too_many_title="Um momento, por favor",
        too_many_body="Acabam de chegar daqui muitíssimas respostas. Envie a sua novamente daqui a pouco; o que escreveu está guardado em baixo.",
        restarts_in="Esta página recomeça dentro de {seconds} s.",
        restart="Recomeçar",
        still_there="Ainda está aí? Esta página recomeça dentro de {seconds} s.",
        carry_on="Continuar",
        kiosk_thanks="A sua resposta está guardada.",
    ),
    "sv": LinkTexts(
        email_label="Din e-postadress (frivilligt)",
        email_hint="Så att vi vet vems svaret är och kan svara.",
        too_many_title="Ett ögonblick",
        too_many_body="Väldigt många svar har just kommit härifrån. Skicka ditt igen om en liten stund; det du skrev finns kvar nedan.",
        restarts_in="Sidan börjar om efter {seconds} s.",
        restart="Börja om",
        still_there="Är du kvar? Sidan börjar om efter {seconds} s.",
        carry_on="Fortsätt",
        kiosk_thanks="Ditt svar är sparat.",
    ),
    "pl": LinkTexts(
        email_label="Adres e-mail (nieobowiązkowo)",
        email_hint="Abyśmy wiedzieli, od kogo jest ta odpowiedź, i mogli odpisać.",
        too_many_title="Prosimy o chwilę cierpliwości",
        too_many_body="Właśnie nadeszło stąd bardzo wiele odpowiedzi. Prosimy wysłać swoją ponownie za chwilę; wpisana treść pozostaje poniżej.",
        restarts_in="Strona zacznie się od początku za {seconds} s.",
        restart="Zacznij od początku",
        still_there="Czy ktoś tu jeszcze jest? Strona zacznie się od początku za {seconds} s.",
        carry_on="Dalej",
        kiosk_thanks="Odpowiedź została zapisana.",
    ),
    "tr": LinkTexts(
        email_label="E-posta adresiniz (isteğe bağlı)",
        email_hint="Bu yanıtın kimden geldiğini bilelim ve yanıt verebilelim diye.",
        too_many_title="Bir dakika lütfen",
        too_many_body="Buradan az önce çok sayıda yanıt geldi. Lütfen yanıtınızı biraz sonra yeniden gönderin; yazdıklarınız aşağıda duruyor.",
        restarts_in="Bu sayfa {seconds} sn sonra baştan başlayacak.",
        restart="Baştan başla",
        still_there="Hâlâ orada mısınız? Bu sayfa {seconds} sn sonra baştan başlayacak.",
        carry_on="Devam et",
        kiosk_thanks="Yanıtınız kaydedildi.",
    ),
    "ja": LinkTexts(
        email_label="メールアドレス（任意）",
        email_hint="どなたのご回答かを把握し、ご返信できるようにするためです。",
        too_many_title="少々お待ちください",
        too_many_body="ただいまこちらから非常に多くの回答が届きました。しばらくしてからもう一度送信してください。ご記入の内容は下に残っています。",
        restarts_in="このページは{seconds}秒後に最初に戻ります。",
        restart="最初からやり直す",
        still_there="まだご覧になっていますか？このページは{seconds}秒後に最初に戻ります。",
        carry_on="続ける",
        kiosk_thanks="回答を保存しました。",
    ),
    "ar": LinkTexts(
        email_label="بريدكم الإلكتروني (اختياري)",
        email_hint="لنعرف ممن هذا الرد ونتمكن من الإجابة عنه.",
        too_many_title="لحظة من فضلكم",
        too_many_body="وصلت من هنا ردود كثيرة جدًا للتو. يرجى إرسال ردكم مرة أخرى بعد قليل؛ ما كتبتموه محفوظ أدناه.",
        restarts_in="تبدأ هذه الصفحة من جديد بعد {seconds} ث.",
        restart="البدء من جديد",
        still_there="هل ما زلتم هنا؟ تبدأ هذه الصفحة من جديد بعد {seconds} ث.",
        carry_on="متابعة",
        kiosk_thanks="تم حفظ ردكم.",
    ),
}
