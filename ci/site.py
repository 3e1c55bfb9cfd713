"""Looks at a static site through chromedriver, which speaks plain HTTP: nothing but Python's own library is needed.

usage: ci/site.py SITE SCREENSHOTS
"""

import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

# Seconds for everything: a browser that hangs ends the check instead of holding it up.
LIMIT = 600

site = pathlib.Path(sys.argv[1]).resolve()
screenshots = pathlib.Path(sys.argv[2]).resolve()
screenshots.mkdir(parents=True, exist_ok=True)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """A session of a headless browser."""

    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,1000"]
        }
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.base += "/session/" + answer["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.read().decode()}")
        except TimeoutError:
            sys.exit(f"{method} {path}: the browser has not answered for a minute")

    def open(self, page):
        self.call("POST", "/url", {"url": (site / page).as_uri()})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def size(self, width, height, scale=1, mobile=False):
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, name):
        (screenshots / f"{name}.png").write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def messages(self):
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]


def check(holds, what):
    if not holds:
        sys.exit(f"site: {what}")


def column(browser, index):
    return browser.run(
        "return [...document.querySelectorAll('.overview tbody tr:not([hidden])')]"
        ".map(row => row.children[arguments[0]].dataset.sort ?? row.children[arguments[0]].textContent.trim())",
        index,
    )


def sorting(browser):
    browser.open("index.html")
    table = ".overview table"
    for index, kind in [(0, str), (3, float), (4, float)]:
        head = f"{table} thead th:nth-child({index + 1})"
        values = [kind(value) for value in column(browser, index) if value != ""]
        browser.click(f"{head} button")
        found = [kind(value) for value in column(browser, index) if value != ""]
        check(found == sorted(values), f"column {index} does not sort up: {found}")
        check(browser.run(f"return document.querySelector('{head}').ariaSort") == "ascending", "aria-sort is not set")
        # By keyboard as well.
        browser.type(f"{head} button", "\ue007")
        found = [kind(value) for value in column(browser, index) if value != ""]
        check(found == sorted(values, reverse=True), f"column {index} does not sort down: {found}")
        check(browser.run(f"return document.querySelectorAll('{table} [aria-sort]:not([aria-sort=none])').length") == 1, "two columns sort")


def filtering(browser):
    browser.open("index.html")
    rows = len(column(browser, 0))
    check(rows > 0, "the overview is empty")
    verdicts = browser.run("return [...document.querySelectorAll('.overview tbody tr')].map(row => row.dataset.verdict)")
    chosen = verdicts[0]
    browser.run(
        "const s = document.querySelector('.overview select[name=verdict]'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input', { bubbles: true }))",
        chosen,
    )
    check(len(column(browser, 0)) == verdicts.count(chosen), "the filter by verdict shows other rows")
    browser.click(".overview button[type=reset]")
    time.sleep(0.1)
    check(len(column(browser, 0)) == rows, "`Show all` does not show all")
    browser.type(".overview input[type=search]", "no claim has these words")
    check(len(column(browser, 0)) == 0, "a search for nothing shows rows")
    counted = browser.run("return document.querySelector('.overview output').textContent")
    check(counted == f"0 of {rows} claims", f"the count says {counted}")


def themes(browser):
    browser.open("index.html")
    background = "return getComputedStyle(document.body).backgroundColor"
    browser.scheme("light")
    light = browser.run(background)
    browser.scheme("dark")
    dark = browser.run(background)
    check(light != dark, "the page does not follow the system's colours")
    browser.click("#theme")
    check(browser.run(background) == light, "the switch does not give the light theme")
    browser.click("#theme")
    browser.scheme("light")
    check(browser.run(background) == dark, "the switch does not give the dark theme")
    browser.click("#theme")
    check(browser.run(background) == light, "the switch does not return to the system's theme")


def links(browser, page):
    browser.open(page)
    # Pictures load when they come into view.
    found = browser.run(
        "for (const picture of document.images) picture.loading = 'eager';"
        "return [...document.querySelectorAll('[href], [src]')].map(e => e.getAttribute('href') ?? e.getAttribute('src'))"
    )
    for address in found:
        if address.startswith("https://"):
            continue
        file, _, anchor = address.partition("#")
        target = site / urllib.parse.unquote(file or page)
        check(target.is_file(), f"{page} links to {address}, which is missing")
        if anchor:
            check(f'id="{anchor}"' in target.read_text(), f"{page} links to {address}, which has no such place")
    deadline = time.monotonic() + 60
    while not browser.run("return [...document.images].every(picture => picture.complete)"):
        check(time.monotonic() < deadline, f"pictures of {page} do not load")
        time.sleep(0.1)
    broken = browser.run("return [...document.images].filter(p => !p.naturalWidth).map(p => p.src)")
    check(not broken, f"pictures of {page} are broken: {broken}")
    check(browser.run("return [...document.images].every(picture => picture.alt.length > 0)"), f"{page}: no alt text")


def step(words):
    print(f"site: {words}", flush=True)


def out_of_time(*_):
    sys.exit(f"site: not done after {LIMIT} s")


def main():
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(LIMIT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A group of its own, since the browser outlives the driver that started it.
    driver = subprocess.Popen(["chromedriver", f"--port={port}", "--silent"], start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                check(time.monotonic() < deadline, "chromedriver does not start")
                time.sleep(0.1)
        browser = Browser(port)
        pages = sorted(path.name for path in site.glob("*.html"))
        papers = [page for page in pages if page.startswith("paper-")]
        step("sorting, filtering, themes")
        sorting(browser)
        filtering(browser)
        themes(browser)
        step(f"links and pictures of {len(pages)} pages")
        for page in pages:
            links(browser, page)
        for name, scheme, width, height, scale, mobile in [
            ("desktop-light", "light", 1280, 1000, 1, False),
            ("desktop-dark", "dark", 1280, 1000, 1, False),
            ("phone", "light", 390, 844, 2, True),
        ]:
            step(f"widths and screenshots, {name}")
            browser.scheme(scheme)
            browser.size(width, height, scale, mobile)
            for page in pages:
                browser.open(page)
                wide = browser.run("return document.documentElement.scrollWidth")
                check(wide <= width, f"{page} is {wide} points wide on a screen of {width}")
            for page in ["index.html", "changes.html", *papers[:1]]:
                browser.open(page)
                browser.screenshot(f"{name}-{page.removesuffix('.html')}")
                for place in ["profile-quick", "claims", "figures"]:
                    if browser.run(f"return document.getElementById('{place}') !== null"):
                        browser.run(f"document.getElementById('{place}').scrollIntoView()")
                        time.sleep(0.5)
                        browser.screenshot(f"{name}-{page.removesuffix('.html')}-{place}")
        messages = sorted(set(browser.messages()))
        check(not messages, f"the console says {len(messages)} things, such as: " + "; ".join(messages[:3]))
        browser.call("DELETE", "")
        print(f"{len(pages)} pages are sound; screenshots are in {screenshots}")
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait(10)


main()
