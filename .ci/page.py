#!/usr/bin/env python3
"""Opens a page of `explain --html` in a headless Chromium, clicks through it, and checks what it shows.

Usage: page.py PAGE JSON [SCREENSHOT]

PAGE is what `explain FILE --html PAGE` wrote, JSON what `replay FILE --format json` printed of the same trace. With
SCREENSHOT, pictures of the page are written to SCREENSHOT-light.png and SCREENSHOT-dark.png. Speaks WebDriver to
chromedriver with nothing but the standard library.
"""

import base64
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"ArrowLeft": "\ue012", "ArrowRight": "\ue014", "End": "\ue010", "Home": "\ue011"}


class Browser:
    """A session of one browser."""

    def __init__(self, port):
        self.root = f"http://127.0.0.1:{port}"
        # No sandbox: containers often run as root, where Chromium refuses to have one.
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1400,1100"]
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.root += f"/session/{answer['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.root + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.read().decode()}") from error

    def script(self, code, *arguments):
        return self.call("POST", "/execute/sync", {"script": code, "args": list(arguments)})

    def click(self, selector):
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{found[ELEMENT]}/click", {})

    def press(self, key):
        actions = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self.call("POST", "/actions", {"actions": [keyboard]})

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0]).innerText", selector)

    def color_scheme(self, scheme):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": [feature]}}
        self.call("POST", "/goog/cdp/execute", command)


@contextlib.contextmanager
def browser():
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        for line in driver.stdout:
            if started := re.search(r"started successfully on port (\d+)", line):
                break
        else:
            raise SystemExit("chromedriver did not start")
        session = Browser(started[1])
        yield session
        session.call("DELETE", "")
    finally:
        driver.terminate()
        driver.wait()


def same(what, shown, wanted):
    if shown != wanted:
        raise SystemExit(f"{what}: the page shows {shown!r}, and should show {wanted!r}")


def contains(what, shown, part):
    if part not in shown:
        raise SystemExit(f"{what}: the page shows {shown!r}, without {part!r}")


def current(page):
    """The number of the highlighted row, which is the only one."""
    rows = page.script("return [...document.querySelectorAll('#events tr.current')].map((row) => row.id)")
    same("highlighted rows", len(rows), 1)
    return int(rows[0].removeprefix("event-"))


def frames_wanted(trace):
    """How many rows the trace gives: its steps, the events of its lanes, and the checks at the end if they ran."""
    steps, timeline, violation = trace["steps"], trace["timeline"], trace["violation"]
    rows = len(steps)
    if timeline is not None:
        in_lanes = {event["step"] for event in timeline["events"]}
        rows = min(in_lanes, default=len(steps))
        rows += len(timeline["events"])
    at_the_end = violation is None or violation["step"] >= len(steps)
    return rows + at_the_end


def check_moves(page, count):
    same("the first row", current(page), 0)
    same("the first button is off at the start", page.script("return document.querySelector('#first').disabled"), True)
    for move, wanted in [
        (lambda: page.click("#next"), 1),
        (lambda: page.click("#next"), 2),
        (lambda: page.click("#previous"), 1),
        (lambda: page.press("ArrowRight"), 2),
        (lambda: page.press("ArrowLeft"), 1),
        (lambda: page.press("End"), count - 1),
        (lambda: page.press("Home"), 0),
        (lambda: page.click("#last"), count - 1),
        (lambda: page.click("#first"), 0),
        (lambda: page.click("#event-1 td.here"), 1),
        (lambda: slide(page, 2), 2),
    ]:
        move()
        same("the row after a move", current(page), min(wanted, count - 1))
        same("the position", page.text("#position"), f"{min(wanted, count - 1) + 1} of {count}")


def slide(page, to):
    page.script(
        "const s = document.querySelector('#slider'); s.value = arguments[0];"
        " s.dispatchEvent(new Event('input', { bubbles: true }))",
        to,
    )


def check_every_row(page, trace, count):
    """Step from the first row to the last: each says in which step it is, and in the column of its CPU."""
    page.click("#first")
    touched = 0
    for number in range(count):
        same("the row", current(page), number)
        where = page.text("#now-where")
        column, text = page.script(
            "const cells = [...document.querySelectorAll(`#event-${arguments[0]} td`)];"
            " const at = cells.findIndex((cell) => cell.classList.contains('here'));"
            " return [at - 1, cells[at].querySelector('.text').innerText]",
            number,
        )
        same("what happens now", page.text("#now-what"), text)
        if step := re.match(r"CPU (\d+) · step (\d+): (.*)", where, re.S):
            same("the column", column, int(step[1]))
            same("the operation", step[3], trace["steps"][int(step[2])]["operation"])
            marked = page.script(
                "return [...document.querySelectorAll('#trace li.current')].map((line) => line.innerText)"
            )
            same("the line of the trace", [line.startswith("@") for line in marked], [True])
        touched = max(touched, page.script("return document.querySelectorAll('#words dd').length"))
        if number + 1 < count:
            page.press("ArrowRight")
    if touched == 0:
        raise SystemExit("no word has a value in any row")
    if trace["timeline"] is not None:
        shown = page.script("return document.querySelectorAll('.why.preempted').length")
        same("preemptions", shown, trace["timeline"]["preemptions"])


def check_verdict(page, trace):
    violation = trace["violation"]
    if violation is None:
        contains("the headline", page.text("#headline"), "Nothing is violated")
    else:
        contains("the headline", page.text("#headline"), violation["invariant"])
        for field in ["rule", "object", "found", "signature"]:
            contains(field, page.text("#violation"), violation[field])
        for origin in violation["provenance"]:
            contains("who changed it", page.text("#provenance"), origin["what"])
        differing = [side for side in trace["sides"] if side["differs"]]
        if differing:
            page.click("#last")
            contains("what differs at the end", page.text("#differing"), differing[-1]["quantity"])
    for side in trace["sides"]:
        contains("both sides", page.text("#sides"), side["object"])
    contains("the command", page.text("#replay"), trace["replay"])


def check_colors(page, screenshot):
    papers = {}
    for scheme in ["light", "dark"]:
        page.color_scheme(scheme)
        papers[scheme] = page.script("return getComputedStyle(document.body).backgroundColor")
        if screenshot:
            picture = base64.b64decode(page.call("GET", "/screenshot"))
            pathlib.Path(f"{screenshot}-{scheme}.png").write_bytes(picture)
    if papers["light"] == papers["dark"]:
        raise SystemExit(f"the page is as dark by day as by night: {papers}")


def main(page_path, json_path, screenshot=None):
    (trace,) = json.loads(pathlib.Path(json_path).read_text())["traces"]
    count = frames_wanted(trace)
    with browser() as page:
        page.call("POST", "/url", {"url": pathlib.Path(page_path).resolve().as_uri()})
        same("rows", page.script("return document.querySelectorAll('#events tr[id]').length"), count)
        check_moves(page, count)
        check_every_row(page, trace, count)
        check_verdict(page, trace)
        check_colors(page, screenshot)
        loaded = page.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        same("what was loaded from elsewhere", loaded, [])
        problems = [entry["message"] for entry in page.call("POST", "/se/log", {"type": "browser"})]
        same("messages of the browser", problems, [])
    print(f"{page_path}: {count} rows stepped through, as {json_path} has them")


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
