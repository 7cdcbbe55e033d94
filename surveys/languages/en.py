"""English."""

from surveys.texts import ByCategory, Language, Page, Plural, Texts

LANGUAGE = Language(
    tag="en",
    name="English",
    texts=Texts(
        question="How likely are you to recommend {subject} to a friend or colleague?",
        scale_low="not at all likely",
        scale_high="extremely likely",
        scale_low_labelled="0 – not at all likely",
        scale_high_labelled="10 – extremely likely",
        score_name="{score} of 10",
        scale_legend="0 is not at all likely, 10 is extremely likely",
        subject_fallback="us",
        mail_subject="A quick question from {brand}",
        mail_subject_reminder="One question from {brand}, if you have ten seconds",
        mail_preheader="One click on a number is all it takes.",
        mail_intro=(
            "Hello {{{{ first_name|there }}}},\n\n"
            "we would like to know how {subject} is working for you. One question, ten seconds:"
        ),
        mail_intro_reminder=(
            "Hello {{{{ first_name|there }}}},\n\n"
            "a few days ago we asked you about {subject}. If you have ten seconds, your answer would help us:"
        ),
        mail_closing="Every answer is read by a person.",
        mail_signature="{{{{ owner_name|The team at {brand} }}}}",
        mail_reply_hint="Or simply reply to this mail.",
        mail_choose_score="Choose a number by opening its link:",
        mail_text_unsubscribe="Unsubscribe:",
        mail_text_ask_less="Ask me less often:",
        mail_footer_reason="You receive this mail because you work with {brand}.",
        mail_logo_alt="{brand}",
        unsubscribe="Unsubscribe",
        ask_me_less="Ask me less often",
        ask_at_most=Plural(
            one="We ask at most once a year.",
            other="We ask at most {count} times a year.",
        ),
        test_banner="This is a test. Answers to it are not counted anywhere.",
        test_subject_prefix="[Test]",
        page_title="Your opinion of {brand}",
        your_score="Your score",
        choose_score="Choose a number from 0 to 10",
        change_score="Change the score",
        follow_up=ByCategory(
            promoter="What do you value most about {subject}?",
            passive="What would have made it a 9 or 10?",
            detractor="What should we put right first?",
        ),
        follow_up_unscored="What is the main reason for your score?",
        comment_label="Your comment",
        comment_optional="optional",
        comment_too_long="Please shorten your comment to {limit} characters; nothing you wrote is lost.",
        comment_left=Plural(one="{count} character left", other="{count} characters left"),
        send="Send",
        sending="Sending…",
        save_change="Save the change",
        score_saved="Your score is saved. A few words would help us understand it.",
        edit_window=Plural(
            one="You can change your answer for {count} hour.",
            other="You can change your answer for {count} hours.",
        ),
        read_by="Read by {name}, who looks after your account.",
        consent_contact="You may contact me about this",
        consent_publish="You may quote me by name",
        privacy_link="Privacy",
        privacy_note="{brand} uses your answer to improve its service and to get back to you. It is not sold or passed on.",
        language_label="Language",
        skip_to_question="Skip to the question",
        try_again="Try again",
        score_missing="Please choose a number from 0 to 10.",
        thanks_title="Thank you",
        thanks=ByCategory(
            promoter="We are glad that {subject} works so well for you. Your answer has reached us.",
            passive="Your answer has reached us. We will use it to make {subject} better.",
            detractor="Thank you for being frank. Your answer has reached us, and a person will read it.",
        ),
        thanks_link=ByCategory(
            promoter="Share your experience",
            passive="See what is new",
            detractor="Talk to us",
        ),
        thanks_change="Change my answer",
        thanks_updated="Your change is saved.",
        expired=Page(
            title="This link has expired",
            body="The question was open for a limited time. If you still want to tell us something, reply to the mail.",
        ),
        used=Page(
            title="You have already answered",
            body="Thank you, your answer has reached us. It can no longer be changed here; if something is missing, "
            "reply to the mail.",
        ),
        forged=Page(
            title="We do not know this link",
            body="It may have been cut off on the way. Please open it again from the mail, or copy the whole address.",
        ),
        closed=Page(
            title="This survey is closed",
            body="It no longer takes answers. Thank you for wanting to give one.",
        ),
        trouble=Page(
            title="That did not work",
            body="The mistake is on our side and your answer was not saved. Please try again in a minute.",
        ),
        too_many=Page(
            title="Too many requests",
            body="Please wait a minute and try again. Nothing you sent before is lost.",
        ),
        once_more=Page(
            title="One more click, please",
            body="Programs open such links too. So that only people count, please press the button once more; "
            "everything you entered is still here.",
        ),
        preview_note="Preview. Nothing you do here is saved.",
        test_note="Test. Your answer is shown to you but not counted anywhere.",
        unsubscribe_confirm=Page(
            title="Stop surveys from {brand}?",
            body="We will send no more surveys to this address. Other mail from {brand} is not affected.",
        ),
        unsubscribe_button="Stop surveys",
        unsubscribe_done=Page(
            title="No more surveys",
            body="{brand} will not send surveys to this address any more.",
        ),
        unsubscribe_already=Page(
            title="You are already unsubscribed",
            body="{brand} sends no surveys to this address.",
        ),
        unsubscribe_undo="That was a mistake, ask me again",
        unsubscribe_undone=Page(
            title="You will be asked again",
            body="{brand} may send surveys to this address again.",
        ),
        ask_less_confirm=Page(
            title="Be asked less often?",
            body="{brand} will then ask you at most once a year.",
        ),
        ask_less_button="Ask me less often",
        ask_less_done=Page(
            title="We will ask less often",
            body="{brand} will ask you at most once a year.",
        ),
        keep_asking="Leave it as it is",
        unsubscribe_reason="If you like, tell us why (optional)",
    ),
)
