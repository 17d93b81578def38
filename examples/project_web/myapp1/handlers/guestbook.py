"""A form: protected from other sites, checked, answered by a redirect and a flash message."""

from collections import deque

from tornadopy.handler import WebHandler
from tornadopy.mixins.flash_message import FlashMessageMixIn

LONGEST = 200
entries: deque[str] = deque(maxlen=20)


class Guestbook(FlashMessageMixIn, WebHandler):
    """The last entries, and a form for another."""

    def get(self) -> None:
        """Answer with the page."""
        self.render("guestbook.html", entries=list(entries), longest=LONGEST)

    def post(self) -> None:
        """Take an entry, and send the browser back to the page, so that a reload does not repeat it."""
        text = self.get_body_argument("text", "").strip()
        if not text:
            self.flash("Please write something first.", "error")
        elif len(text) > LONGEST:
            self.flash(f"That is longer than {LONGEST} characters.", "error")
        else:
            entries.appendleft(text)
            self.flash("Thank you for your entry!", "success")
        self.redirect(self.reverse_url("Guestbook"))
