"""The page in a headless Chromium, as somebody sees and uses it who has a keyboard."""

import time

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

#: Seconds after which something won't happen any more. The machine's back-off is 30 s at most.
PATIENCE = 60


def until(what, condition):
    """Waits until the condition holds; returns what it yields."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            seen = condition()
        # What was looked at has just been replaced, or is not there yet.
        except (StaleElementReferenceException, NoSuchElementException):
            seen = None
        if seen:
            print(f"ok: {what}")
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.05)


def check(what, holds):
    if not holds:
        raise AssertionError(f"not so: {what}")
    print(f"ok: {what}")


class Page:
    def __init__(self, url, size=(1100, 720)):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in ["--headless=new", "--no-sandbox", "--lang=en", "--hide-scrollbars",
                         "--host-resolver-rules=MAP chat.example 127.0.0.1"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.resize(*size)
        self.driver.get(url)

    def resize(self, width, height):
        """The size of what is inside of the window; the window is somewhat larger."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def dark(self, is_dark):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return [found.text for found in self.driver.find_elements(By.CSS_SELECTOR, selector)]

    def text(self, selector):
        return self.find(selector).text

    def is_shown(self, selector):
        return self.find(selector).is_displayed()

    def focus(self):
        """The id of what has the focus, or the login of the contact that has it."""
        script = "const f = document.activeElement; return f.id || f.dataset.login || f.localName"
        return self.driver.execute_script(script)

    def keys(self, *keys):
        """Types, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def shift(self, key):
        ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).perform()

    def sign_in(self, url, login, password):
        """Fills the form in and sends it, by keyboard alone."""
        self.find("#url").click()
        for text in (url, login, password):
            ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
            self.keys(text)
            if text != password:
                self.keys(Keys.TAB)
        self.keys(Keys.ENTER)

    def register(self, url, login, password, invitation=""):
        """Fills the form in, and registers."""
        texts = {"#url": url, "#login": login, "#password": password, "#invitation": invitation}
        for selector, text in texts.items():
            if self.is_shown(selector):
                self.find(selector).clear()
                self.find(selector).send_keys(text)
        self.press("#register-button")

    def leave(self):
        self.press("#account-button")
        self.press("#sign-out")

    def press(self, selector):
        """Presses a button or a box, by keyboard."""
        self.find(selector).send_keys(Keys.SPACE)

    def choose(self, login):
        """Opens a dialog; in one step, since the list is made anew whenever something happens."""
        script = "[...document.querySelectorAll('#contacts li')].find(row => row.dataset.login === arguments[0]).click()"
        self.driver.execute_script(script, login)

    def act(self, label):
        """Presses this button of what is to be decided about the open dialog."""
        buttons = self.driver.find_elements(By.CSS_SELECTOR, "#relation button")
        next(button for button in buttons if button.text == label).send_keys(Keys.ENTER)

    def contacts(self):
        return self.texts("#contacts .name")

    def messages(self):
        return self.texts("#messages .message .text")

    def write(self, body):
        self.find("#body").send_keys(body, Keys.ENTER)

    def problems(self):
        """What the browser complains of, but for connections that failed, which is what this is about."""
        complaints = self.driver.get_log("browser")
        return [c["message"] for c in complaints if c["level"] == "SEVERE" and "WebSocket" not in c["message"]]

    def screenshot(self, path):
        self.driver.save_screenshot(path)

    def close(self):
        self.driver.quit()
