"""The tests of the example: python -m unittest."""

import os

os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")
