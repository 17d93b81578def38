"""The settings: setting.py to look at the example, settings_online.py to serve it."""
