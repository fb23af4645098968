"""Drives the page in headless Chromium against `skaro serve`: `run.py PAGE SERVE SCREENSHOT`."""

import pathlib
import sys
import tempfile

from selenium.webdriver.common.keys import Keys

from network import Proxy, Serve, serve_page
from page import Page, check, until
from people import people

MARKUP = "Does it do <b>bold</b>? <img src=x onerror=\"document.title='broken'\">"


def signing_in(alice, proxy):
    check("the form has the focus order server, login, password, button", tab_order(alice) == [
        "url", "login", "password", "sign-in-button"])
    error = lambda: alice.text("#sign-in-error")
    alice.sign_in("http://127.0.0.1/", "alice", "secret")
    until("a URL that is none is an error", lambda: "it must begin with ws://" in error())
    alice.sign_in("ws://127.0.0.1:9/", "alice", "secret")
    until("a server that is not there is an error", lambda: "the server can't be reached" in error())
    proxy.mute()
    alice.sign_in(proxy.url, "alice", "secret")
    until("the page is connected", lambda: proxy.connections() == 1)
    until("a server that does not speak is an error", lambda: "waiting for the server's first message" in error())
    until("and its connection is dropped", lambda: proxy.connections() == 0)
    proxy.mend()
    alice.sign_in(proxy.url, "alice", "wrong")
    until("a wrong password is an error", lambda: "the login or the password is wrong" in error())
    check("the form is still there, the password selected", alice.is_shown("#door") and alice.focus() == "password")
    # The same connection takes another try.
    alice.keys("secret", Keys.ENTER)
    until("the right password lets in", lambda: alice.text("#status") == "Online")
    check("the password is not kept in the form", alice.find("#password").get_attribute("value") == "")
    until("the contacts are listed", lambda: alice.contacts() == ["bob", "carol"])


def tab_order(page):
    page.find("#url").click()
    order = [page.focus()]
    for _ in range(3):
        page.keys(Keys.TAB)
        order.append(page.focus())
    return order


def keyboard(alice):
    until("the first contact has the focus", lambda: alice.focus() == "bob")
    alice.keys(Keys.ARROW_DOWN)
    check("arrow down goes to the next contact", alice.focus() == "carol")
    alice.keys(Keys.ARROW_DOWN)
    check("and stays at the last", alice.focus() == "carol")
    alice.keys(Keys.HOME)
    check("Home goes to the first", alice.focus() == "bob")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    check("the focus can be seen", alice.driver.execute_script(outline) == "solid")
    alice.keys(Keys.ENTER)
    until("Enter opens the dialog", lambda: alice.text("#other") == "bob")
    check("and goes to the message", alice.focus() == "body")
    check("one contact is selected", alice.texts("[aria-selected='true'] .name") == ["bob"])
    check("messages are a live region", alice.find("#messages").get_attribute("aria-live") == "polite")
    alice.keys("Good morning, Bob!")
    alice.shift(Keys.ENTER)
    alice.keys("This is a browser.")
    check("Shift and Enter do not send", alice.messages() == [])
    alice.keys(Keys.ENTER)
    until("Enter sends", lambda: alice.messages() == ["Good morning, Bob!\nThis is a browser."])
    until("and the server takes it", lambda: alice.texts(".mine.sent") != [])
    alice.keys(Keys.ESCAPE)
    check("Escape goes back to the contacts", alice.focus() == "bob")


def chatting(alice, bob, server):
    bob.sign_in(server.url, "bob", "secret")
    until("bob sees who is online", lambda: bob.texts("#contacts .title.online") == ["alice"])
    bob.keys(Keys.ENTER)
    until("bob sees the history", lambda: bob.messages() == ["Good morning, Bob!\nThis is a browser."])
    bob.write(MARKUP)
    until("alice receives an answer", lambda: alice.messages()[1:] == [MARKUP])
    check("markup is text", alice.driver.find_elements("css selector", "#messages img, #messages b") == [])
    check("and nothing in it runs", "broken" not in alice.driver.title)
    alice.keys(Keys.END, Keys.ENTER)
    until("another dialog is empty", lambda: alice.text("#other") == "carol" and alice.messages() == [])
    bob.write("Are you there?")
    until("what arrives elsewhere is counted", lambda: alice.texts("#contacts .badge") == ["1"])
    check("in the title, too", alice.driver.title == "(1) skaro")
    alice.keys(Keys.ESCAPE, Keys.HOME, Keys.ENTER)
    until("it is there", lambda: alice.messages()[-1] == "Are you there?")
    check("and read", alice.texts("#contacts .badge") == [] and alice.driver.title == "skaro")


def cut(alice, bob, proxy):
    proxy.cut()
    until("alice is told that the connection broke", lambda: alice.is_shown("#offline"))
    alice.write("I was in a tunnel.")
    until("what she writes waits", lambda: alice.texts(".mine.waiting .text") == ["I was in a tunnel."])
    bob.write("Hello? You are gone.")
    until("the server takes what bob writes", lambda: len(bob.texts(".mine.sent")) == 3)
    proxy.mend()
    until("she comes back", lambda: alice.text("#status") == "Online" and not alice.is_shown("#offline"))
    until("what she missed and what waited is there, once each", lambda: alice.messages()[3:] == [
        "Hello? You are gone.", "I was in a tunnel."])
    until("bob receives what waited", lambda: bob.messages()[-1] == "I was in a tunnel.")


def lost(alice, bob, proxy):
    before = alice.messages()
    proxy.mute()
    alice.write("Can you hear me?")
    until("bob receives a message", lambda: bob.messages()[-1] == "Can you hear me?")
    proxy.cut()
    until("it waits for its answer", lambda: alice.texts(".mine.waiting .about") == ["sending…"])
    proxy.mend()
    until("once she is back it is sent", lambda: alice.texts(".mine.waiting, .mine.unknown") == [])
    check("and there once", alice.messages() == [*before, "Can you hear me?"])
    check("bob has it once, too", bob.messages()[-2:].count("Can you hear me?") == 1)


def restarted(alice, bob, server):
    before = alice.messages()
    server.kill()
    until("both are offline", lambda: alice.is_shown("#offline") and bob.is_shown("#offline"))
    server.start()
    until("alice signs in anew by herself", lambda: alice.text("#status") == "Online")
    # Bob does not want to wait.
    if bob.is_shown("#reconnect"):
        bob.find("#reconnect").send_keys(Keys.ENTER)
    until("bob, too", lambda: bob.text("#status") == "Online")
    check("what was shown stays, although the server forgot it", alice.messages() == before)
    bob.write("Sorry, I had to restart the server.")
    until("messages arrive again", lambda: alice.messages() == [*before, "Sorry, I had to restart the server."])


def refusals(alice):
    alice.find("#stranger").send_keys("nobody", Keys.ENTER)
    until("a dialog with an unknown login opens", lambda: alice.text("#other") == "nobody")
    alice.write("Hello?")
    until("the server's refusal is shown", lambda: "there is no user" in alice.text(".mine.failed .about"))
    alice.find("#body").send_keys(Keys.ESCAPE, Keys.HOME, Keys.ENTER)
    until("back with bob", lambda: alice.text("#other") == "bob")


def looks(alice, bob):
    size = 1100, 720
    alice.dark(True)
    dark = alice.find("body").value_of_css_property("background-color")
    alice.dark(False)
    light = alice.find("body").value_of_css_property("background-color")
    check("there is a dark and a light look", dark != light)
    alice.resize(400, 720)
    until("on a small screen there is the dialog", lambda: alice.is_shown("#compose") and not alice.is_shown("#side"))
    wide = "return document.documentElement.scrollWidth <= innerWidth"
    check("and nothing sticks out", alice.driver.execute_script(wide))
    alice.find("#back").send_keys(Keys.ENTER)
    until("or the contacts", lambda: alice.is_shown("#side") and not alice.is_shown("#compose"))
    bob.write("And how does it look on your telephone?")
    until("there the dialog is not open any more", lambda: alice.texts("#contacts .badge") == ["1"])
    check("and what arrives does not open it", alice.is_shown("#side"))
    alice.keys(Keys.ENTER)
    alice.resize(*size)
    until("and back", lambda: alice.is_shown("#side") and alice.is_shown("#compose"))


def leaving(alice, server):
    alice.leave()
    until("signing out leads back to the form", lambda: alice.is_shown("#door") and not alice.is_shown("#chat"))
    check("nothing of the chat is left", "bob" not in alice.driver.page_source)
    alice.sign_in(server.url, "carol", "secret")
    until("somebody else can sign in", lambda: alice.contacts() == ["alice", "bob"])


def main(folder, program, screenshot):
    server = Serve(program, {"alice": "secret", "bob": "secret", "carol": "secret"})
    proxy, pages = Proxy(server.port), []
    try:
        url = serve_page(folder)
        alice, bob = (pages.append(Page(url)) or pages[-1] for _ in range(2))
        signing_in(alice, proxy)
        keyboard(alice)
        chatting(alice, bob, server)
        cut(alice, bob, proxy)
        lost(alice, bob, proxy)
        looks(alice, bob)
        alice.write("Very well. Look:")
        until("one more message", lambda: "Look:" in bob.messages()[-1])
        restarted(alice, bob, server)
        refusals(alice)
        leaving(alice, server)
        with tempfile.TemporaryDirectory() as data:
            options = ["--contacts=added", "--conferences", "--registration=invitation"]
            other = Serve(program, {"bob": "secret"}, *options, data=data)
            try:
                bob.leave()
                alice.leave()
                people(alice, bob, other, screenshot)
            finally:
                other.kill()
        check("there is a screenshot, a small one", 10_000 < pathlib.Path(screenshot).stat().st_size < 200_000)
        for page in pages:
            check("the browser had nothing to complain of", page.problems() == [])
    finally:
        for page in pages:
            page.close()
        server.kill()
    print("all of it holds")


main(*sys.argv[1:])
