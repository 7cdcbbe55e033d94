"""The product's settings with what tests need: keys of no value, fast hashing, plain static files, a private database."""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="nps_crm_test_")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

os.environ.setdefault("NPS_SECRET_KEY", "only-for-tests-" + "y" * 50)
os.environ.setdefault("NPS_FIELD_KEYS", "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=")
os.environ.setdefault("NPS_ADDRESS_KEY", "only-for-tests-" + "a" * 30)
os.environ["NPS_DATA_DIR"] = _folder
os.environ["NPS_STATIC_STORAGE"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
os.environ.setdefault("NPS_LOG_LEVEL", "WARNING")
os.environ.pop("NPS_DEBUG", None)
os.environ.pop("NPS_DEMO", None)

from nps_crm.settings import *  # noqa: E402, F403
from nps_crm.settings import DATABASES, STORAGES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES["default"] = {"BACKEND": "django.core.files.storage.InMemoryStorage", "OPTIONS": {}}

# A file, because threads (live server, races) cannot share a database in memory; its own per process, because several
# runs may go on at once.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": f"{_folder}/test.sqlite3"}
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF;"
else:
    DATABASES["default"]["TEST"] = {"NAME": f"test_nps_crm_{os.getpid()}"}
