"""A login without passwords: the session remembers a name until the logout."""

from tornadopy.decorators import login_required
from tornadopy.decorators.login_required import safe_next
from tornadopy.handler import WebHandler

LONGEST = 40


class Account(WebHandler):
    """A page for those who have logged in; others are sent to the login and back."""

    @login_required.session
    def get(self) -> None:
        """Answer with the page, and count how often that has happened."""
        self.session["visits"] += 1
        self.render("account.html", name=self.session["userid"], visits=self.session["visits"])


class Login(WebHandler):
    """The form that asks for a name."""

    def get(self) -> None:
        """Answer with the form."""
        self.render("login.html", longest=LONGEST, next=safe_next(self, self.reverse_url("Account")))

    def post(self) -> None:
        """Begin a session, and go where the reader came from."""
        name = self.get_body_argument("name", "").strip()[:LONGEST]
        if not name:
            self.redirect(self.reverse_url("Login"))
            return
        self.session.cycle_id()  # who knew the id before the login knows it no longer
        self.session.update(userid=name, visits=0)
        self.redirect(safe_next(self, self.reverse_url("Account")))


class Logout(WebHandler):
    """The end of the session."""

    def post(self) -> None:
        """Forget all, and go to the welcome page."""
        self.session.flush()
        self.redirect(self.reverse_url("Index"))
