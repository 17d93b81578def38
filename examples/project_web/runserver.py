"""Serve the example: python runserver.py --address=0.0.0.0 --port=8000 --settings=settings.setting."""

import os

from tornadopy.webserver import run

if __name__ == "__main__":
    os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")
    run()
