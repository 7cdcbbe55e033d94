"""The naive peer of the ingest bench: a DRF create view over the ORM, as a first version of such a product has it.

Token authentication, a model serializer, get_or_create, save, a signal that keeps score and rollup, the usual
middleware. One file, its own settings, on the floor's tables.
"""

import os

import dj_database_url
from django.conf import settings

_database = dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=600)
_database["OPTIONS"] = {**_database.get("OPTIONS", {}), "options": "-c search_path=floor,public"}
settings.configure(
    SECRET_KEY="bench-only",
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1"],
    USE_TZ=True,
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "rest_framework",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    DATABASES={"default": _database},
)

import django  # noqa: E402

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models, transaction  # noqa: E402
from django.db.models import F  # noqa: E402
from django.db.models.signals import post_save  # noqa: E402
from django.dispatch import receiver  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import authentication, exceptions, generics, permissions, serializers  # noqa: E402


class Key(models.Model):
    key = models.CharField(max_length=100, primary_key=True)
    user_name = models.CharField(max_length=100)

    class Meta:
        app_label, managed, db_table = "bench", False, "naive_key"


class Account(models.Model):
    plan = models.SmallIntegerField()

    class Meta:
        app_label, managed, db_table = "bench", False, "account"


class Contact(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    email = models.TextField(unique=True)
    latest_score = models.SmallIntegerField(null=True)
    latest_at = models.DateTimeField(null=True)

    class Meta:
        app_label, managed, db_table = "bench", False, "contact"


class Response(models.Model):
    external_id = models.TextField(unique=True)
    survey_id = models.BigIntegerField()
    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE)
    score = models.SmallIntegerField()
    answered_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    comment = models.TextField(default="", blank=True)

    class Meta:
        app_label, managed, db_table = "bench", False, "response"


class Rollup(models.Model):
    pk = models.CompositePrimaryKey("day", "survey_id", "plan", "score")
    day = models.DateField()
    survey_id = models.BigIntegerField()
    plan = models.SmallIntegerField()
    score = models.SmallIntegerField()
    n = models.IntegerField(default=0)

    class Meta:
        app_label, managed, db_table = "bench", False, "rollup"


@receiver(post_save, sender=Response)
def keep_score(sender: object, instance: Response, created: bool, **_: object) -> None:
    contact = instance.contact
    if contact.latest_at is None or contact.latest_at <= instance.answered_at:
        contact.latest_score, contact.latest_at = instance.score, instance.answered_at
        contact.save()
    key = {
        "day": instance.answered_at.date(), "survey_id": instance.survey_id, "plan": instance.account.plan,
        "score": instance.score,
    }  # fmt: skip
    if not Rollup.objects.filter(**key).update(n=F("n") + 1):
        Rollup.objects.get_or_create(**key, defaults={"n": 1})


class KeyAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request):  # type: ignore[no-untyped-def]
        text = request.headers.get("Authorization", "").removeprefix("Bearer ")
        key = Key.objects.filter(key=text).first()
        if key is None:
            raise exceptions.AuthenticationFailed
        return key, text


class HasKey(permissions.BasePermission):
    def has_permission(self, request, view):  # type: ignore[no-untyped-def]
        return isinstance(request.user, Key)


class AnswerSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    email = serializers.EmailField(write_only=True)
    survey = serializers.IntegerField(source="survey_id")
    responded_at = serializers.DateTimeField(source="answered_at")

    class Meta:
        model = Response
        fields = ["id", "external_id", "survey", "email", "score", "responded_at", "comment"]

    def create(self, values):  # type: ignore[no-untyped-def]
        email = values.pop("email")
        contact, _ = Contact.objects.get_or_create(email=email, defaults={"account_id": 1})
        return Response.objects.create(contact=contact, account=contact.account, **values)


class Create(generics.CreateAPIView):  # type: ignore[type-arg]
    authentication_classes = [KeyAuthentication]
    permission_classes = [HasKey]
    serializer_class = AnswerSerializer
    queryset = Response.objects.all()

    def create(self, request, *args, **kwargs):  # type: ignore[no-untyped-def]
        with transaction.atomic():
            return super().create(request, *args, **kwargs)


urlpatterns = [path("responses", Create.as_view())]
application = get_wsgi_application()
