"""Reports of mail providers as each documents them: what is posted, where, and how it proves where it comes from."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from django.test import Client

SECRET = "hook:5f1e-secret"
SIGNING_KEY = "key-of-the-provider"
RESEND_SECRET = "whsec_" + base64.b64encode(b"key-of-resend-24-bytes!!").decode()
_sendgrid_key = ec.generate_private_key(ec.SECP256R1())
_sendgrid_public = _sendgrid_key.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
ANYMAIL = {
    "WEBHOOK_SECRET": SECRET,
    "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY,
    "MANDRILL_WEBHOOK_KEY": SIGNING_KEY,
    "MAILERSEND_SIGNING_SECRET": SIGNING_KEY,
    "MAILERSEND_INBOUND_SECRET": SIGNING_KEY,
    "MAILTRAP_TRACKING_SECRET": SIGNING_KEY,
    "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY": base64.b64encode(_sendgrid_public).decode(),
    "BREVO_API_KEY": "unused",
    "RESEND_SIGNING_SECRET": RESEND_SECRET,
    "RESEND_INBOUND_SECRET": RESEND_SECRET,
}
AT = 1773748800  # 17 March 2026, noon UTC
ISO = "2026-03-17T12:00:00Z"
TO = "ida@fjord.example"
KINDS = ("delivered", "hard", "soft", "complained", "opened", "machine", "rejected", "unsubscribed")


@dataclass
class Post:
    """A request to a hook."""

    hook: str
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, client: Client | None = None, *, secret: str | None = SECRET, **headers: str) -> Any:
        every = self.headers | headers
        if secret is not None:
            every["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        return (client or Client()).post(
            f"/hooks/mail/{self.hook}", self.body, content_type=self.content_type, headers=every
        )


def _json(hook: str, said: Any, **headers: str) -> Post:
    return Post(hook, json.dumps(said).encode(), headers=headers)


def _hmac(body: bytes, digest: Any = hashlib.sha256) -> "hmac.HMAC":
    return hmac.new(SIGNING_KEY.encode(), body, digest)


def postmark(kind: str, key: str, provider_id: str) -> Post | None:
    common = {
        "MessageID": provider_id,
        "Metadata": {"delivery": key},
        "ServerID": 23,
        "MessageStream": "outbound",
    }
    bounce = {
        "ID": 42,
        "Email": TO,
        "BouncedAt": ISO,
        "Description": f"The mailbox {TO} is unknown",
        "Details": "5.1.1",
    }
    said = {
        "delivered": {"RecordType": "Delivery", "Recipient": TO, "DeliveredAt": ISO},
        "hard": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Inactive": True, **bounce},
        "soft": {"RecordType": "Bounce", "Type": "SoftBounce", "TypeCode": 4096, **bounce},
        "complained": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", **bounce},
        "opened": {"RecordType": "Open", "Recipient": TO, "ReceivedAt": ISO, "FirstOpen": True, "UserAgent": "Mutt/2"},
        "machine": {"RecordType": "Open", "Recipient": TO, "ReceivedAt": ISO, "UserAgent": "Mozilla/5.0"},
        "rejected": {"RecordType": "Bounce", "Type": "Blocked", "TypeCode": 100006, **bounce},
        "unsubscribed": {
            "RecordType": "SubscriptionChange", "Recipient": TO, "ChangedAt": ISO, "SuppressSending": True,
            "SuppressionReason": "ManualSuppression", "Origin": "Recipient",
        },
    }[kind]  # fmt: skip
    return _json("postmark/tracking/", common | said)


def mailgun(kind: str, key: str, provider_id: str) -> Post | None:
    event = {
        "delivered": {"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}},
        "hard": {
            "event": "failed", "severity": "permanent", "reason": "bounce",
            "delivery-status": {"code": 550, "message": "5.1.1 unknown", "description": "unknown"},
        },
        "complained": {"event": "complained"},
        "opened": {"event": "opened", "client-info": {"user-agent": "Mutt/2", "bot": ""}},
        "machine": {"event": "opened", "client-info": {"user-agent": "Mozilla/5.0", "bot": "apple"}},
        "rejected": {"event": "rejected", "reject": {"reason": "Sandbox subdomains are for test purposes"}},
        "unsubscribed": {"event": "unsubscribed"},
    }.get(kind)  # fmt: skip
    if event is None:
        return None
    token, moment = "a" * 50, str(AT)
    message = {"headers": {"message-id": provider_id.strip("<>"), "to": TO}}
    data = {
        "id": "x",
        "timestamp": AT,
        "recipient": TO,
        "message": message,
        "user-variables": {"delivery": key},
    }
    signature = _hmac(f"{moment}{token}".encode()).hexdigest()
    proof = {"timestamp": moment, "token": token, "signature": signature}
    return _json("mailgun/tracking/", {"signature": proof, "event-data": data | event})


def sendgrid(kind: str, key: str, provider_id: str) -> Post | None:
    event = {
        "delivered": {"event": "delivered", "response": "250 OK"},
        "hard": {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown"},
        "soft": {"event": "bounce", "type": "blocked", "status": "4.2.2", "reason": "452 mailbox full"},
        "complained": {"event": "spamreport"},
        "opened": {"event": "open", "useragent": "Mutt/2", "sg_machine_open": False},
        "machine": {"event": "open", "useragent": "Mozilla/5.0", "sg_machine_open": True},
        "rejected": {"event": "dropped", "reason": "Spam Content"},
        "unsubscribed": {"event": "unsubscribe"},
    }[kind]
    same = {"email": TO, "timestamp": AT, "sg_event_id": "e1", "anymail_id": provider_id, "delivery": key}
    body = json.dumps([same | event]).encode()
    signed = _sendgrid_key.sign(str(AT).encode() + body, ec.ECDSA(hashes.SHA256()))
    return Post(
        "sendgrid/tracking/",
        body,
        headers={
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signed).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": str(AT),
        },
    )


@cache
def _amazon() -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key of our own and its certificate, as if Amazon's."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = (
        made.serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1))
        .not_valid_after(dt.datetime(2120, 1, 1))
    )
    return key, made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def amazons_certificate() -> bytes:
    return _amazon()[1]


def signed_by_amazon(message: Mapping[str, Any], version: str = "1") -> dict[str, Any]:
    """The message with the signature over its fields, as the documentation of SNS describes it."""
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    if message["Type"] == "Notification":
        names = [name for name in names if name not in {"SubscribeURL", "Token"}]
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = _amazon()[0].sign(text.encode(), padding.PKCS1v15(), digest)
    return {**message, "SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}


def sns(said: Mapping[str, Any], *, hook: str = "amazon_ses/tracking/", **more: Any) -> Post:
    message = {
        "Type": "Notification", "MessageId": "19ba9823", "TopicArn": "arn:aws:sns:us-east-1:123456789012:ses",
        "Timestamp": "2026-03-17T12:00:00.000Z", "Message": json.dumps(said), "SignatureVersion": "1", "Signature": "x",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-12345.pem",
    } | more  # fmt: skip
    return Post(
        hook,
        json.dumps(signed_by_amazon(message)).encode(),
        "text/plain; charset=UTF-8",
        {"X-Amz-Sns-Message-Type": message["Type"], "X-Amz-Sns-Message-Id": message["MessageId"]},
    )


def amazon_ses(kind: str, key: str, provider_id: str) -> Post | None:
    mail = {
        "timestamp": ISO, "messageId": provider_id, "source": "ask@nordlicht.example", "destination": [TO],
        "headers": [{"name": "X-Delivery", "value": key}, {"name": "To", "value": TO}],
    }  # fmt: skip
    people = [
        {"emailAddress": TO, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1"}
    ]
    event = {
        "delivered": {"eventType": "Delivery", "delivery": {"recipients": [TO], "smtpResponse": "250 OK"}},
        "hard": {
            "eventType": "Bounce",
            "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": people},
        },
        "soft": {
            "eventType": "Bounce",
            "bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull", "bouncedRecipients": people},
        },
        "complained": {
            "eventType": "Complaint",
            "complaint": {"complainedRecipients": people, "complaintFeedbackType": "abuse"},
        },
        "opened": {"eventType": "Open", "open": {"userAgent": "Mutt/2", "ipAddress": "192.0.2.1"}},
        "machine": {"eventType": "Open", "open": {"userAgent": "Mozilla/5.0", "ipAddress": "192.0.2.1"}},
        "rejected": {"eventType": "Reject", "reject": {"reason": "Bad content"}},
    }.get(kind)  # fmt: skip
    return None if event is None else sns({"mail": mail, **event})


def mailjet(kind: str, key: str, provider_id: str) -> Post | None:
    event = {
        "delivered": {"event": "sent", "smtp_reply": "sent (250 OK)"},
        "hard": {"event": "bounce", "blocked": False, "hard_bounce": True, "error": "user unknown"},
        "soft": {"event": "bounce", "blocked": False, "hard_bounce": False, "error": "mailbox full"},
        "complained": {"event": "spam", "source": "JMRPP"},
        "opened": {"event": "open", "agent": "Mutt/2"},
        "machine": {"event": "open", "agent": "Mozilla/5.0"},
        "rejected": {"event": "blocked", "error_related_to": "mailjet", "error": "preblocked"},
        "unsubscribed": {"event": "unsub"},
    }[kind]
    same = {"time": AT, "MessageID": provider_id, "email": TO, "Payload": json.dumps({"delivery": key})}
    return _json("mailjet/tracking/", same | event)


def brevo(kind: str, key: str, provider_id: str) -> Post | None:
    name = {
        "delivered": "delivered", "hard": "hard_bounce", "soft": "soft_bounce", "complained": "spam",
        "opened": "unique_opened", "machine": "unique_proxy_open", "rejected": "blocked", "unsubscribed": "unsubscribe",
    }[kind]  # fmt: skip
    said = {
        "event": name, "email": TO, "id": 26224, "ts_epoch": AT * 1000, "message-id": provider_id, "reason": "550 5.1.1",
        "X-Mailin-custom": json.dumps({"delivery": key}),
    }  # fmt: skip
    return _json("brevo/tracking/", said)


def sparkpost(kind: str, key: str, provider_id: str) -> Post | None:
    event = {
        "delivered": ("message_event", {"type": "delivery"}),
        "hard": (
            "message_event",
            {"type": "bounce", "bounce_class": "10", "raw_reason": "550 5.1.1 unknown"},
        ),
        "soft": ("message_event", {"type": "bounce", "bounce_class": "22", "raw_reason": "452 4.2.2 full"}),
        "complained": ("message_event", {"type": "spam_complaint"}),
        "opened": ("track_event", {"type": "open", "user_agent": "Mutt/2", "is_prefetched": False}),
        "machine": ("track_event", {"type": "open", "user_agent": "Mozilla/5.0", "is_prefetched": True}),
        "rejected": (
            "message_event",
            {"type": "policy_rejection", "raw_reason": "550 policy", "bounce_class": "25"},
        ),
        "unsubscribed": ("unsubscribe_event", {"type": "list_unsubscribe"}),
    }[kind]
    same = {
        "event_id": "92356927", "timestamp": str(AT), "transmission_id": provider_id, "raw_rcpt_to": TO,
        "rcpt_meta": {"delivery": key},
    }  # fmt: skip
    return _json("sparkpost/tracking/", [{"msys": {event[0]: same | event[1]}}])


def resend(kind: str, key: str, provider_id: str) -> Post | None:
    hard = {"message": "The recipient's email provider sent a hard bounce message.", "type": "Permanent"}
    soft = {"message": "The recipient's email provider sent a general bounce message.", "type": "Transient"}
    event: tuple[str, dict[str, Any]] | None = {
        "delivered": ("email.delivered", {}),
        "hard": ("email.bounced", {"bounce": hard}),
        "soft": ("email.bounced", {"bounce": soft}),
        "complained": ("email.complained", {}),
        "opened": ("email.opened", {}),
    }.get(kind)  # type: ignore[assignment]
    if event is None:
        return None
    headers = [{"name": "X-Metadata", "value": json.dumps({"delivery": key})}]
    data = {"email_id": provider_id, "to": [TO], "subject": "A question", "headers": headers} | event[1]
    return signed_by_resend({"type": event[0], "created_at": ISO, "data": data})


def signed_by_resend(said: Any, hook: str = "resend/tracking/") -> Post:
    """As Svix signs: over id, moment and body with the base64 secret behind "whsec_"."""
    post = _json(hook, said)
    moment = str(int(time.time()))
    key = base64.b64decode(RESEND_SECRET.removeprefix("whsec_"))
    text = f"msg_1.{moment}.".encode() + post.body
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    post.headers |= {
        "svix-id": "msg_1", "svix-timestamp": moment, "svix-signature": f"v1a,AAAA v1,{signature}",
    }  # fmt: skip
    return post


def mandrill(kind: str, key: str, provider_id: str) -> Post | None:
    name = {
        "delivered": None, "hard": "hard_bounce", "soft": "soft_bounce", "complained": "spam", "opened": "open",
        "rejected": "reject", "unsubscribed": "unsub",
    }.get(kind)  # fmt: skip
    if name is None:
        return None
    msg = {
        "ts": AT,
        "_id": provider_id,
        "email": TO,
        "metadata": {"delivery": key},
        "diag": "smtp;550 5.1.1",
        "tags": [],
    }
    said = {"event": name, "ts": AT, "_id": provider_id, "msg": msg}
    return signed_by_mandrill([said])


def signed_by_mandrill(events: Any) -> Post:
    from urllib.parse import urlencode

    value = json.dumps(events)
    user, _, password = SECRET.partition(":")
    url = f"http://{user}:{password}@testserver/hooks/mail/mandrill/"
    signature = base64.b64encode(
        _hmac((url + "mandrill_events" + value).encode(), hashlib.sha1).digest()
    ).decode()
    return Post(
        "mandrill/",
        urlencode({"mandrill_events": value}).encode(),
        "application/x-www-form-urlencoded",
        {"X-Mandrill-Signature": signature},
    )


def mailersend(kind: str, key: str, provider_id: str) -> Post | None:
    name = {
        "delivered": "delivered", "hard": "hard_bounced", "soft": "soft_bounced", "complained": "spam_complaint",
        "opened": "opened", "unsubscribed": "unsubscribed",
    }.get(kind)  # fmt: skip
    if name is None:
        return None
    morph = {"object": "recipient_bounce", "reason": "550 5.1.1"} if "bounce" in name else None
    mail = {
        "object": "email",
        "id": "m1",
        "message": {"id": provider_id},
        "recipient": {"email": TO},
        "tags": None,
    }
    data = {"object": "activity", "id": "a1", "type": name, "created_at": ISO, "email": mail, "morph": morph}
    body = json.dumps({"type": f"activity.{name}", "created_at": ISO, "data": data}).encode()
    return Post("mailersend/tracking/", body, headers={"Signature": _hmac(body).hexdigest()})


def mailtrap(kind: str, key: str, provider_id: str) -> Post | None:
    name = {
        "delivered": "delivery", "hard": "bounce", "complained": "spam", "opened": "open", "rejected": "reject",
        "unsubscribed": "unsubscribe",
    }.get(kind)  # fmt: skip
    if name is None:
        return None
    said = {
        "event": name, "message_id": provider_id, "sending_stream": "transactional", "email": TO, "timestamp": AT,
        "event_id": "e1", "custom_variables": {"delivery": key}, "response": "550 5.1.1",
    }  # fmt: skip
    body = json.dumps({"events": [said]}).encode()
    return Post("mailtrap/tracking/", body, headers={"Mailtrap-Signature": _hmac(body).hexdigest()})


Maker = Callable[[str, str, str], Post | None]
PROVIDERS: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        amazon_ses, brevo, mailersend, mailgun, mailjet, mailtrap, mandrill, postmark, resend, sendgrid, sparkpost,
    )
}  # fmt: skip
# Those that sign what they send, and so are refused even with the shared secret when the signature is wrong.
SIGNED = {"mailgun", "mandrill", "sendgrid", "mailersend", "mailtrap", "resend"}
