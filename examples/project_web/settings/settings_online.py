"""Settings that serve the example for others: no debug pages, a secret that survives a restart."""

import hashlib
import os

from settings import setting
from settings.setting import *  # noqa: F403 - production starts from what development has

DEBUG = False
ALLOWED_HOSTS = os.environ.get("PROJECT_WEB_HOSTS", "localhost,127.0.0.1").split(",")
SECRET = os.environ.get("PROJECT_WEB_SECRET", setting.TORNADO_CONF["cookie_secret"])
TORNADO_CONF = {**setting.TORNADO_CONF, "cookie_secret": SECRET}
SESSION = {**setting.SESSION, "secret_key": hashlib.sha256(f"sessions of {SECRET}".encode()).hexdigest()}
