"""Headless Chromium, and runs that need no model."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from clones import Clone, new_clone
from media import SIZE, number_in

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


class Browser:
    """A page in Chromium and the actions of a person."""

    def __init__(self, downloads: Path) -> None:
        options = Options()
        options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        for argument in (
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--disable-background-networking", "--mute-audio"),
            "--window-size=1600,1200",
            "--autoplay-policy=no-user-gesture-required",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.add_experimental_option(
            "prefs", {"download.default_directory": str(downloads), "download.prompt": False}
        )
        driver = os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.downloads = downloads
        self.size(1440, 1000)

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def dark(self, on: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, page: Path, fresh: bool = True) -> None:
        """Open a page from disk. With `fresh`, delete all earlier decisions first."""
        # Requests of the page before do not count.
        self.driver.get("about:blank")
        self.logs()
        self.driver.get(page.as_uri())
        if fresh:
            self.run("localStorage.clear()")
            self.driver.refresh()

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def element(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def elements(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.element(selector).text

    def press(self, *keys: str) -> None:
        """Press keys at the present focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def choose(self, selector: str, value: str) -> None:
        """Choose an option by the beginning of its text."""
        self.unfold(selector)
        for option in self.elements(f"{selector} option"):
            if option.text.startswith(value):
                option.click()
                return
        raise AssertionError(f"{selector} has no option {value}")

    def tick(self, label: str) -> None:
        """Switch the filter for a class on or off."""
        self.unfold("#by-class")
        for box in self.elements("#by-class label"):
            if box.text.rpartition(" ")[0] == label:
                box.click()
                return
        raise AssertionError(f"there is no class {label}")

    def unfold(self, selector: str) -> None:
        """Open the fold that contains an element."""
        self.run(
            "const fold = document.querySelector(arguments[0]).closest('details');"
            "if (fold) fold.open = true;",
            selector,
        )

    def rows(self) -> list[str]:
        """Return the rows of the list: time and labels."""
        return [row.text for row in self.elements("#list .go")]

    def wait(self, condition: Callable[[], object], seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    def logs(self) -> tuple[list[str], list[str]]:
        """Return the console's messages and the requested addresses since the last call."""
        messages = [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return messages, asked

    def picture_number(self, folder: Path) -> int:
        """Return the number that the video's picture shows on the screen."""
        self.run("window.v = document.getElementById('video')")
        self.wait(lambda: self.run("return v.readyState >= 2 && !v.seeking"))
        self.run("v.controls = false")
        path = folder / "shown.png"
        assert self.element("#video").screenshot(str(path))
        self.run("v.controls = true")
        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BOX))
        return number_in(torch.from_numpy(picture.copy()).permute(2, 0, 1))

    def violations(self) -> list[str]:
        """Return the serious and critical violations that axe-core finds."""
        self.run(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']})"
            ".then((r) => done(r.violations), (e) => done([{id: String(e), impact: 'critical',"
            " nodes: []}]))"
        )
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200] if one['nodes'] else ''}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def downloaded(self, name: str) -> Path:
        """Return a file that the page saved, and remove it."""
        path = self.downloads / name
        # The browser reserves the name with an empty file before it moves the content there.
        self.wait(lambda: path.exists() and path.stat().st_size > 0)
        return path.rename(path.with_name(f"{time.monotonic_ns()}_{name}"))


def answer(time: float, label: str, confidence: float = 0.9, **more) -> dict:
    """Return one item of a predictions file."""
    answer = {"label": label, "team": "home", "confidence": confidence, "details": ""} | more
    return {"time": time, "raw": json.dumps(answer)}


PREDICTED = {
    "one": [
        answer(10, "Goal", 0.8, details="They celebrate."),
        answer(40, "Corner", 0.6),
        answer(60, "Foul", 0.7),
        answer(90, "Set Pieces", 0.5),
    ],
    "two": [answer(12, "Goal"), answer(42, "Penalty"), answer(100, "Offside", 0.3)],
    "three": [answer(11, "Goal"), answer(41, "Corner", 0.4)],
}
TRUE = "time_s,label,team\n10.5,Goal,home\n41,Corner,home\n75,Red card,away\n"
VIDEO = "match é.mp4"


def given_only(folder: Path, predicted: dict[str, list], row: dict[str, str]) -> Clone:
    """Return a clone that compares given predictions of models for one video."""
    config = {
        "videos": "videos.tsv",
        "detect_with": [],
        "compare_with": list(predicted),
        "models": {m: {"predictions": f"given_{m}_{{video}}.json"} for m in predicted},
        "evaluation": {"resamples": 20},
    }
    clone = new_clone(folder, config)
    table = "\t".join(row) + "\n" + "\t".join(row.values()) + "\n"
    (folder / "videos.tsv").write_text(table, encoding="utf-8")
    for model, items in predicted.items():
        (folder / f"given_{model}_{row['video']}.json").write_text(json.dumps(items))
    return clone
