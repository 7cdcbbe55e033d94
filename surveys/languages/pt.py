"""Portuguese, in wording that reads as polite in Portugal and in Brazil."""

from surveys.texts import ByCategory, ByLevel, Language, Page, Plural, ScaleTexts, Texts

LANGUAGE = Language(
    tag="pt",
    name="Português",
    texts=Texts(
        question="Qual é a probabilidade de recomendar {subject} a um amigo ou colega?",
        scale_low="nada provável",
        scale_high="muito provável",
        scale_low_labelled="0 – nada provável",
        scale_high_labelled="10 – muito provável",
        score_name="{score} de 10",
        scale_legend="0 significa nada provável, 10 significa muito provável",
        subject_fallback="os nossos serviços",
        csat=ScaleTexts(
            question="Qual é o seu grau de satisfação com {subject}?",
            low="muito insatisfeito",
            high="muito satisfeito",
            points=(
                "muito insatisfeito",
                "insatisfeito",
                "nem satisfeito nem insatisfeito",
                "satisfeito",
                "muito satisfeito",
            ),
            choose_score="Escolha de 1 (muito insatisfeito) a 5 (muito satisfeito)",
            score_missing="Indique o seu grau de satisfação.",
            mail_preheader="Basta um clique.",
            follow_up=ByLevel(
                good="De que gostou mais?", middle="O que poderia ter sido melhor?", bad="O que correu mal?"
            ),
        ),
        ces=ScaleTexts(
            question="Foi fácil obter o que precisava de {subject}?",
            low="muito difícil",
            high="muito fácil",
            points=(
                "muito difícil",
                "difícil",
                "um pouco difícil",
                "nem fácil nem difícil",
                "relativamente fácil",
                "fácil",
                "muito fácil",
            ),
            choose_score="Escolha um número de 1 (muito difícil) a 7 (muito fácil)",
            score_missing="Escolha um número de 1 a 7.",
            mail_preheader="Basta um clique num número.",
            follow_up=ByLevel(
                good="O que facilitou?", middle="O que teria facilitado mais?", bad="O que dificultou?"
            ),
        ),
        questions_title="Só mais algumas perguntas",
        question_required="Responda a esta pergunta, por favor.",
        question_many="Pode escolher várias respostas.",
        question_optional="opcional",
        point_name="{score} de {high}",
        next="Seguinte",
        back="Voltar",
        mail_subject="Uma pergunta rápida de {brand}",
        mail_subject_reminder="Uma pergunta de {brand}, se tiver dez segundos",
        mail_preheader="Basta um clique num número.",
        mail_intro="Olá {{{{ full_name| }}}},\n\ngostaríamos de saber a sua opinião sobre {subject}. Uma pergunta, dez segundos:",
        mail_intro_reminder=(
            "Olá {{{{ full_name| }}}},\n\nhá alguns dias perguntámos por {subject}. Se tiver dez segundos, a sua resposta ajuda-nos:"
        ),
        mail_closing="Cada resposta é lida por uma pessoa.",
        mail_signature="{{{{ owner_name|A equipa {brand} }}}}",
        mail_reply_hint="Ou responda simplesmente a esta mensagem.",
        mail_choose_score="Escolha um número abrindo a respetiva ligação:",
        mail_text_unsubscribe="Cancelar a subscrição:",
        mail_text_ask_less="Receber menos perguntas:",
        mail_footer_reason="Recebe esta mensagem porque trabalha com {brand}.",
        mail_logo_alt="{brand}",
        unsubscribe="Cancelar a subscrição",
        ask_me_less="Perguntar-me menos vezes",
        ask_at_most=Plural(
            one="Perguntamos no máximo uma vez por ano.", other="Perguntamos no máximo {count} vezes por ano."
        ),
        test_banner="Isto é um teste. As respostas não são contadas.",
        test_subject_prefix="[Teste]",
        page_title="A sua opinião sobre {brand}",
        your_score="A sua pontuação",
        choose_score="Escolha um número de 0 a 10",
        change_score="Alterar a pontuação",
        follow_up=ByCategory(
            promoter="O que mais valoriza em {subject}?",
            passive="O que faltou para um 9 ou 10?",
            detractor="O que devemos corrigir primeiro?",
        ),
        follow_up_unscored="Qual é o motivo principal da sua pontuação?",
        comment_label="O seu comentário",
        comment_optional="opcional",
        comment_too_long="Encurte o comentário para {limit} caracteres, por favor; nada do que escreveu se perde.",
        comment_left=Plural(one="Resta {count} carácter", other="Restam {count} caracteres"),
        send="Enviar",
        sending="A enviar…",
        save_change="Guardar a alteração",
        score_saved="A sua pontuação está guardada. Algumas palavras ajudam-nos a compreendê-la.",
        edit_window=Plural(
            one="Pode alterar a resposta durante {count} hora.",
            other="Pode alterar a resposta durante {count} horas.",
        ),
        read_by="Lido por {name}, responsável pela sua conta.",
        consent_contact="Podem contactar-me sobre este assunto",
        consent_publish="Podem citar-me pelo nome",
        privacy_link="Privacidade",
        privacy_note="{brand} usa a sua resposta para melhorar o serviço e para entrar em contacto consigo. Não é vendida nem cedida.",
        language_label="Idioma",
        skip_to_question="Ir para a pergunta",
        try_again="Tentar novamente",
        score_missing="Escolha um número de 0 a 10.",
        thanks_title="Agradecemos",
        thanks=ByCategory(
            promoter="Ficamos contentes por {subject} funcionar tão bem para si. Recebemos a sua resposta.",
            passive="Recebemos a sua resposta. Vamos usá-la para melhorar {subject}.",
            detractor="Agradecemos a franqueza. Recebemos a sua resposta e uma pessoa vai lê-la.",
        ),
        thanks_link=ByCategory(
            promoter="Partilhe a sua experiência", passive="Veja as novidades", detractor="Fale connosco"
        ),
        thanks_change="Alterar a minha resposta",
        thanks_updated="A alteração está guardada.",
        expired=Page(
            title="Esta ligação expirou",
            body="A pergunta esteve aberta por tempo limitado. Se ainda nos quiser dizer algo, responda à mensagem.",
        ),
        used=Page(
            title="Já respondeu",
            body="Recebemos a sua resposta, obrigado. Já não pode ser alterada aqui; se faltar algo, responda à mensagem.",
        ),
        forged=Page(
            title="Não conhecemos esta ligação",
            body="Talvez tenha sido cortada no caminho. Abra-a de novo a partir da mensagem ou copie o endereço completo.",
        ),
        closed=Page(
            title="Este inquérito está encerrado",
            body="Já não aceita respostas. Agradecemos a intenção de responder.",
        ),
        trouble=Page(
            title="Não funcionou",
            body="O erro é nosso e a sua resposta não foi guardada. Tente novamente dentro de um minuto.",
        ),
        too_many=Page(
            title="Demasiados pedidos",
            body="Espere um minuto e tente novamente. Nada do que enviou antes se perdeu.",
        ),
        once_more=Page(
            title="Mais um clique, por favor",
            body="Também há programas que abrem estas ligações. Para contarem só pessoas, prima o botão mais uma vez; tudo o que escreveu"
            " continua aqui.",
        ),
        preview_note="Pré-visualização. Nada do que fizer aqui é guardado.",
        test_note="Teste. A sua resposta é-lhe mostrada, mas não é contada.",
        unsubscribe_confirm=Page(
            title="Não receber mais inquéritos de {brand}?",
            body="Não enviaremos mais inquéritos para este endereço. As outras mensagens de {brand} não são afetadas.",
        ),
        unsubscribe_button="Não receber mais inquéritos",
        unsubscribe_done=Page(
            title="Acabaram os inquéritos", body="{brand} não enviará mais inquéritos para este endereço."
        ),
        unsubscribe_already=Page(
            title="A subscrição já está cancelada", body="{brand} não envia inquéritos para este endereço."
        ),
        unsubscribe_undo="Foi um engano, perguntem-me de novo",
        unsubscribe_undone=Page(
            title="Voltaremos a perguntar", body="{brand} pode voltar a enviar inquéritos para este endereço."
        ),
        ask_less_confirm=Page(
            title="Receber menos perguntas?", body="{brand} perguntará então no máximo uma vez por ano."
        ),
        ask_less_button="Perguntar-me menos vezes",
        ask_less_done=Page(
            title="Vamos perguntar menos vezes", body="{brand} perguntará no máximo uma vez por ano."
        ),
        keep_asking="Deixar tudo como está",
        unsubscribe_reason="Se quiser, diga-nos porquê (opcional)",
        pref_title="Inquéritos de {brand}",
        pref_intro="Escolha sobre que temas {brand} lhe pode perguntar, e quando.",
        pref_link="Preferências de inquéritos",
        pref_language="Idioma das nossas perguntas",
        pref_topics="{brand} pode perguntar-me sobre",
        pref_topic_relationship="a minha opinião geral sobre {brand}",
        pref_topic_transactional="experiências concretas, como uma compra ou um pedido de apoio",
        pref_pause="Suspender todos os inquéritos durante 6 meses",
        pref_pause_hint="Depois recomeçam por si, sem que tenha de fazer nada.",
        pref_paused_until="Os inquéritos estão suspensos até {date}.",
        pref_resume="Terminar a pausa",
        pref_save="Guardar",
        pref_saved=Page(title="Guardado", body="{brand} respeitará a sua escolha a partir de agora."),
        sms_question="{brand}: {question} Responda com um número de {low} a {high} ou aqui: {link}",
        sms_stop="Para cancelar responda STOP.",
        sms_thanks="Obrigado. Se quiser, responda mais uma vez e diga-nos porquê.",
        sms_unclear="Não percebemos. Responda com um só número de {low} a {high}.",
        sms_stopped="{brand} não lhe enviará mais inquéritos por SMS. Para os receber de novo responda START.",
        sms_started="Voltará a receber inquéritos de {brand}. Para cancelar responda STOP.",
        sms_help="{brand} pede-lhe a opinião de vez em quando. Para cancelar responda STOP.",
        widget_label="Uma pergunta de {brand}",
        widget_close="Fechar",
        widget_thanks="Muito obrigado",
        kiosk_restart=Plural(
            one="A próxima pessoa pode responder dentro de {count} segundo.",
            other="A próxima pessoa pode responder dentro de {count} segundos.",
        ),
        kiosk_next="Próxima pessoa",
    ),
)
