"""The routes of the app."""

from tornadopy import Url, include, route

u = Url("myapp1.handlers", site="project_web")
urls = route(
    u(name="Index", pattern=r"/?", handler="main_handler.Main"),
    u(name="Template", pattern=r"/template/?", handler="main_handler.TemplatePage", kwargs={"fruit": "apple"}),
    u(name="Guestbook", pattern=r"/guestbook/?", handler="guestbook.Guestbook"),
    u(name="Hello", pattern=r"/hello/?", handler="main_handler.Hello"),
    u(name="Visits", pattern=r"/visits/?", handler="main_handler.Visits"),
    u(name="Account", pattern=r"/account/?", handler="account.Account"),
    u(name="Login", pattern=r"/login/?", handler="account.Login"),
    u(name="Logout", pattern=r"/logout/?", handler="account.Logout"),
    u(name="Error", pattern=r"/error/?", handler="main_handler.Broken"),
    include("/api", "myapp1.url_api.URLS", prefix_name="api"),
)
