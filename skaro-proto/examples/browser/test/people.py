"""What users do by the extension `people`: accounts, contacts, conferences, presence, sessions."""

from selenium.webdriver.common.keys import Keys

from page import check, until

NAME = "Bob Builder"
MARKUP = "<img src=x onerror=\"document.title='broken'\">"


def registering(ann, server):
    error = lambda: ann.text("#sign-in-error")
    # The browser takes this name for the machine itself, which the page can't know.
    ann.register(server.url.replace("127.0.0.1", "chat.example"), "ann", "secret")
    until("nobody registers where others can listen", lambda: "the connection is not confidential" in error())
    check("nor is asked for an invitation there", not ann.is_shown("#invitation"))
    ann.register(server.url, "ann", "secret")
    until("who registers is asked for an invitation", lambda: ann.focus() == "invitation")
    ann.keys("guessed", Keys.TAB, Keys.TAB, Keys.ENTER)
    until("a guessed one is refused", lambda: "invitation" in error() and "enter it" not in error())
    ann.register(server.url, "ann", "secret", server.invitation())
    until("a good one lets in", lambda: ann.text("#status") == "Online" and ann.text("#user") == "ann")
    check("nobody is a contact yet", ann.contacts() == [] and ann.is_shown("#no-contacts"))


def profile(bob):
    bob.press("#account-button")
    bob.find("#profile-name").send_keys(NAME)
    bob.find("#profile-status").send_keys("Can we fix it?")
    bob.press("#profile-public")
    bob.press("#profile-tells-read")
    bob.find("#profile-name").send_keys(Keys.ENTER)
    until("bob has a name, and still his login", lambda: bob.texts("#user bdi") == [NAME, "bob"])
    check("and the panel is closed", not bob.is_shown("#account"))


def asking(ann, bob):
    ann.find("#stranger").send_keys("bo")
    until("who can be found is found", lambda: ann.texts("#found bdi") == [NAME, "bob"])
    ann.keys(Keys.ARROW_UP, Keys.ENTER)
    until("and opened", lambda: ann.texts("#other bdi") == [NAME, "bob"])
    check("what was found is not shown any more", not ann.is_shown("#found"))
    ann.act("Add")
    until("ann has asked", lambda: not ann.is_shown("#relation"))
    until("bob sees who asks", lambda: bob.texts("#contacts .news") == ["asks to be a contact"])
    bob.choose("ann")
    until("and can choose", lambda: bob.texts("#relation button") == ["Accept", "Block"])
    bob.act("Accept")
    until("then they see each other", lambda: bob.text("#presence") == "online")
    check("and the message has the focus", bob.focus() == "body")


def reading(ann, bob):
    ann.press("#account-button")
    ann.press("#profile-tells-read")
    ann.find("#profile-name").send_keys(Keys.ENTER)
    ann.write("Hello, Bob.")
    until("bob reads it, and ann sees that", lambda: ann.text(".mine .about").endswith("· read"))
    until("bob sees that ann is typing", told(ann, bob, "typing…"))
    check("in the list, too", bob.texts("#contacts .news") == ["typing…"])
    ann.find("#body").send_keys(Keys.ENTER)
    until("until the message comes", lambda: len(bob.messages()) == 2 and not bob.texts(".news"))


def told(writer, reader, what):
    """Types on, since the server is told every five seconds at most, until the other one sees it."""
    def look():
        writer.find("#body").send_keys(".")
        return reader.texts("#presence .news") == [what]
    return look


def conference(ann, bob):
    ann.find("#stranger").send_keys("#team", Keys.ENTER)
    until("a conference that is not there", lambda: "no such conference" in ann.text("#relation"))
    check("takes no message", not ann.is_shown("#compose"))
    ann.act("Found it")
    until("is founded", lambda: ann.text("#presence") == "1 member" and ann.is_shown("#compose"))
    ann.press("#details-button")
    until("its owner is shown", lambda: ann.texts("#members .tag") == ["owner"])
    ann.find("#guest").send_keys("bob", Keys.ENTER)
    until("bob is invited", lambda: bob.texts("#contacts .news") == ["invites you"])
    bob.choose("#team")
    until("and can join", lambda: bob.texts("#relation button") == ["Join", "Decline"])
    bob.act("Join")
    until("there are two", lambda: bob.text("#presence") == "2 members")
    until("ann sees the new member", lambda: sorted(ann.texts("#members .name")) == [NAME, "ann"])
    ann.press("#details-close")
    ann.press("#details-button")
    ann.find("#conference-name").send_keys("The team", Keys.ENTER)
    until("a conference has a name", lambda: bob.texts("#other bdi") == ["The team", "#team"])
    bob.write("Here I am.")
    until("what one writes the other has", lambda: ann.messages() == ["Here I am."])
    check("with name and login", ann.texts("#messages .from bdi") == [NAME, "bob"])
    for writer, body in [(ann, "Welcome! Shall we meet at eight?"), (bob, "Half past eight. The sign is still wet.")]:
        writer.write(body)
        until("and so on", lambda: ann.messages()[-1] == bob.messages()[-1] == body)
    bob.choose("ann")
    bob.write("By the way, who has the ladder?")
    until("unread messages of another dialog are counted", lambda: ann.texts("#contacts .badge") == ["1"])


def typing(ann, bob):
    bob.choose("#team")
    until("who types in the conference is shown", told(bob, ann, "bob typing…"))


def small(ann):
    size = 1100, 720
    ann.resize(360, 640)
    wide = "return [document.documentElement, ...document.querySelectorAll('dialog[open]')].every(" \
        "it => it.scrollWidth <= it.clientWidth && it.getBoundingClientRect().right <= innerWidth)"
    check("on a small screen nothing sticks out", ann.driver.execute_script(wide))
    ann.press("#details-button")
    until("nor of the details", lambda: ann.texts("#members button") and ann.driver.execute_script(wide))
    ann.keys(Keys.ESCAPE)
    check("which Escape closes", not ann.is_shown("#details"))
    ann.press("#back")
    ann.press("#account-button")
    until("nor of the account", lambda: ann.texts("#sessions li") and ann.driver.execute_script(wide))
    ann.keys(Keys.ESCAPE)
    ann.resize(*size)
    ann.choose("#team")


def renaming(ann, bob):
    bob.press("#account-button")
    for field in ("#profile-name", "#profile-status"):
        bob.find(field).clear()
        bob.find(field).send_keys(MARKUP)
    bob.find("#profile-name").send_keys(Keys.ENTER)
    until("markup in a name is text", lambda: MARKUP in ann.texts("#contacts .name"))
    until("in messages, too", lambda: ann.texts("#messages .from .name")[-1] == MARKUP)
    until("beside the login", lambda: ann.texts("#messages .from .login")[-1] == "bob")
    ann.choose("bob")
    until("in a status, too", lambda: ann.text("#presence").endswith(MARKUP))
    ann.press("#details-button")
    until("and in the panel", lambda: ann.texts("#details-name .name, #details-about") == [MARKUP] * 2)
    ann.press("#details-close")
    check("no markup of his became any", ann.driver.find_elements("css selector", "img") == [])
    check("and nothing in it ran", "broken" not in ann.driver.title)
    ann.choose("#team")


def removing(ann, bob):
    ann.press("#details-button")
    until("an owner can change members", lambda: "Remove" in ann.texts("#members button"))
    ann.find("#members button[aria-label='Remove: bob']").send_keys(Keys.ENTER)
    until("who is removed is no member", lambda: "no member" in bob.text("#relation"))
    bob.act("Join")
    until("and can't come back uninvited", lambda: bob.is_shown("#notice") and "#team" in bob.text("#notice"))
    until("one is left", lambda: ann.texts("#members .name") == ["ann"])
    ann.press("#details-actions button")
    until("when the last one leaves it ends", lambda: "no such conference" in ann.text("#relation"))


def blocking(ann, bob):
    ann.choose("bob")
    until("back with bob", lambda: ann.texts("#other .login") == ["bob"])
    ann.press("#details-button")
    ann.press("#details-actions button:last-child")
    until("bob is blocked", lambda: ann.texts("#relation button") == ["Unblock"])
    bob.choose("ann")
    bob.write("Ann?")
    until("and told so when he writes", lambda: len(bob.texts(".mine.failed")) == 1)


def sessions(ann, bob, server):
    ann.leave()
    ann.sign_in(server.url, "bob", "secret")
    until("bob is here a second time", lambda: ann.text("#status") == "Online")
    ann.choose("ann")
    until("with what was said", lambda: "By the way, who has the ladder?" in ann.messages())
    bob.press("#account-button")
    until("he sees both sessions", lambda: bob.texts("#sessions li span") == ["This session", "Connected"]
          or bob.texts("#sessions li span") == ["Connected", "This session"])
    bob.press("#sessions button")
    until("and ends the other", lambda: ann.is_shown("#door") and "ended elsewhere" in ann.text("#sign-in-error"))
    check("where nothing of the chat is left", "ladder" not in ann.driver.page_source)
    until("which is gone", lambda: bob.texts("#sessions li span") == ["This session"])
    bob.press("#account-close")


def people(ann, bob, server, screenshot):
    registering(ann, server)
    bob.sign_in(server.url, "bob", "secret")
    until("bob is there", lambda: bob.text("#status") == "Online")
    profile(bob)
    asking(ann, bob)
    reading(ann, bob)
    conference(ann, bob)
    typing(ann, bob)
    ann.screenshot(screenshot)
    small(ann)
    renaming(ann, bob)
    removing(ann, bob)
    blocking(ann, bob)
    sessions(ann, bob, server)
