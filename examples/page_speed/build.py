"""Builds the page: content, photographs, fonts and track become a folder that any web server can serve.

    python build.py        writes site/, or into OVERNIGHT_ARTIFACTS where that is set

This is the one file that may be edited.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from html import escape
from pathlib import Path
from typing import Any

from fontTools import subset
from matplotlib import get_data_path
from photos import photo
from PIL import Image
from track import track

PHOTO_FORMAT = "jpeg"  # try: jpeg, webp, avif
PHOTO_QUALITY = 92
HERO_WIDTH = 2400  # pixels
CARD_WIDTH = 1200
LAZY_CARDS = False  # load their photographs only when the reader comes near
HERO_FIRST = False  # tell the browser to fetch it before everything else

SUBSET_FONTS = False  # only the letters that the page has
FONT_FORMAT = "ttf"  # try: ttf, woff
FONT_DISPLAY = "block"  # try: block, swap, fallback, optional
PRELOAD_FONTS = False

INLINE_CSS = False
SCRIPTS = "head"  # try: head, defer, end
TRACK_STEP = 1  # of the recorded points, draw every so many
MINIFY = False  # take out what only people read
COMPRESS = False  # put a .gz beside each text, which the server then sends

FONTS = {"Sans": "DejaVuSans.ttf", "Serif": "DejaVuSerif-Bold.ttf"}
SITE = Path(os.environ.get("OVERNIGHT_ARTIFACTS", "site"))
CONTENT: dict[str, Any] = json.loads(Path(__file__).with_name("content.json").read_text(encoding="utf-8"))

STYLE = """
/* Type */
body {
    margin: 0;
    font: 17px/1.6 Sans, sans-serif;
    color: #22302a;
    background: #fbfaf6;
}
h1, h2, h3 {
    font-family: Serif, serif;
    line-height: 1.25;
    margin: 0 0 0.5em;
}
h1 { font-size: 40px; }
h2 { font-size: 30px; margin-top: 1.6em; }
h3 { font-size: 20px; }
a { color: #1f5f4a; }

/* The top of the page */
nav {
    display: flex;
    flex-wrap: wrap;
    gap: 8px 28px;
    padding: 14px 24px;
    background: #22302a;
}
nav a {
    color: #fbfaf6;
    text-decoration: none;
}
.hero {
    display: block;
    width: 100%;
    height: 460px;
    object-fit: cover;
}
main, footer {
    max-width: 1060px;
    margin: 0 auto;
    padding: 28px 24px;
}
.lead { font-size: 21px; }

/* The elevation profile */
figure { margin: 32px 0; }
canvas {
    display: block;
    width: 100%;
    height: 260px;
}
figcaption {
    font-size: 15px;
    color: #5d6a64;
}

/* The stages */
.cards {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(300px, 1fr));
    gap: 28px;
}
.card {
    background: #ffffff;
    border-radius: 6px;
    overflow: hidden;
}
.card img {
    display: block;
    width: 100%;
    height: 210px;
    object-fit: cover;
}
.card div { padding: 16px 20px 20px; }
.facts {
    font-size: 15px;
    color: #5d6a64;
}

/* The packing list */
table {
    width: 100%;
    border-collapse: collapse;
}
td {
    padding: 8px 10px 8px 0;
    border-top: 1px solid #d9d8cf;
}
footer {
    font-size: 15px;
    color: #5d6a64;
}
"""

SCRIPT = """
// The elevation profile: a running mean takes out the receiver's noise.
function smoothed(points, reach) {
    return points.map(([kilometre], index) => {
        const near = points.slice(Math.max(0, index - reach), index + reach + 1);
        return [kilometre, near.reduce((sum, point) => sum + point[1], 0) / near.length];
    });
}

function drawProfile() {
    const canvas = document.querySelector("canvas");
    const width = canvas.width = canvas.clientWidth, height = canvas.height = canvas.clientHeight;
    const points = smoothed(TRACK, Math.ceil(TRACK.length / 300));
    const heights = points.map(point => point[1]);
    const low = Math.min(...heights) - 100, high = Math.max(...heights) + 100;
    const x = kilometre => width * kilometre / points[points.length - 1][0];
    const y = metres => height * (high - metres) / (high - low);
    const pen = canvas.getContext("2d");
    pen.beginPath();
    pen.moveTo(0, height);
    for (const [kilometre, metres] of points) pen.lineTo(x(kilometre), y(metres));
    pen.lineTo(width, height);
    pen.fillStyle = "#7fa08f";
    pen.fill();
    pen.fillStyle = "#22302a";
    pen.font = "13px sans-serif";
    for (let metres = 1000; metres < high; metres += 500) {
        pen.fillRect(0, y(metres), width, 0.5);
        pen.fillText(metres + " m", 4, y(metres) - 4);
    }
}

window.addEventListener("DOMContentLoaded", drawProfile);
window.addEventListener("resize", drawProfile);
"""


def main() -> None:
    SITE.mkdir(parents=True, exist_ok=True)
    save_photo("hero", HERO_WIDTH)
    for stage in CONTENT["stages"]:
        save_photo(stage["photo"], CARD_WIDTH)
    for name, file in FONTS.items():
        save_font(name, Path(get_data_path()) / "fonts" / "ttf" / file)
    save_text("track.js", f"const TRACK = {json.dumps(track()[::TRACK_STEP])};")
    save_text("page.js", SCRIPT)
    if not INLINE_CSS:
        save_text("style.css", style())
    save_text("index.html", page())


def save_photo(name: str, width: int) -> None:
    picture = photo(name)
    picture.thumbnail((width, picture.height), Image.Resampling.LANCZOS)
    picture.save(SITE / f"{name}.{PHOTO_FORMAT}", quality=PHOTO_QUALITY)


def save_font(name: str, source: Path) -> None:
    options = subset.Options()
    options.flavor = FONT_FORMAT if FONT_FORMAT != "ttf" else None
    options.drop_tables.append("FFTM")  # the font editor's own
    font = subset.load_font(source, options)
    if SUBSET_FONTS:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=page())
        subsetter.subset(font)
    subset.save_font(font, SITE / f"{name}.{FONT_FORMAT}", options)


def save_text(name: str, text: str) -> None:
    if MINIFY:
        text = re.sub(r"^//.*$|/\*.*?\*/", "", text, flags=re.MULTILINE)
        text = re.sub(r"\n\s*", "\n", text).strip()
    (SITE / name).write_text(text, encoding="utf-8")
    if COMPRESS:
        (SITE / f"{name}.gz").write_bytes(gzip.compress(text.encode()))


def style() -> str:
    faces = [
        f'@font-face {{ font-family: {name}; src: url("{name}.{FONT_FORMAT}"); font-display: {FONT_DISPLAY}; }}'
        for name in FONTS
    ]
    return "\n".join(faces) + STYLE


def page() -> str:
    scripts = [f'<script src="{name}"{" defer" * (SCRIPTS == "defer")}></script>' for name in ("track.js", "page.js")]
    menu = [f'<a href="{target}">{escape(name)}</a>' for name, target in CONTENT["menu"]]
    about = [f"<p>{escape(paragraph)}</p>" for paragraph in CONTENT["about"]]
    packing = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in CONTENT["packing"]]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>{escape(CONTENT["title"])}</title>
    {lines(hints())}
    {f"<style>{style()}</style>" if INLINE_CSS else '<link rel="stylesheet" href="style.css">'}
    {lines(scripts) if SCRIPTS != "end" else ""}
</head>
<body>
    <nav>{lines(menu)}</nav>
    <img class="hero" src="hero.{PHOTO_FORMAT}" alt="{escape(CONTENT["hero"])}"{' fetchpriority="high"' * HERO_FIRST}>
    <main>
        <h1>{escape(CONTENT["title"])}</h1>
        <p class="lead">{escape(CONTENT["lead"])}</p>
        <h2 id="route">The route</h2>
        {lines(about)}
        <figure>
            <canvas></canvas>
            <figcaption>{escape(CONTENT["profile"])}</figcaption>
        </figure>
        <h2 id="stages">Stages</h2>
        <div class="cards">
            {lines(map(card, CONTENT["stages"]))}
        </div>
        <h2 id="packing">What to carry</h2>
        <table>
            {lines(packing)}
        </table>
        <h2 id="arrival">Getting there</h2>
        <p>{escape(CONTENT["arrival"])}</p>
    </main>
    <footer>{escape(CONTENT["footer"])}</footer>
    {lines(scripts) if SCRIPTS == "end" else ""}
</body>
</html>
"""


def hints() -> list[str]:
    """What the browser should fetch before it finds out by itself."""
    hero = [f'<link rel="preload" as="image" href="hero.{PHOTO_FORMAT}" fetchpriority="high">'] * HERO_FIRST
    fonts = [f'<link rel="preload" as="font" href="{name}.{FONT_FORMAT}" crossorigin>' for name in FONTS]
    return hero + fonts * PRELOAD_FONTS


def card(stage: dict[str, str]) -> str:
    return f"""<div class="card">
                <img src="{stage["photo"]}.{PHOTO_FORMAT}" alt="{escape(stage["alt"])}"{' loading="lazy"' * LAZY_CARDS}>
                <div>
                    <h3><a href="{stage["link"]}">{escape(stage["name"])}</a></h3>
                    <p class="facts">{escape(stage["facts"])}</p>
                    <p>{escape(stage["text"])}</p>
                </div>
            </div>"""


def lines(items: Any) -> str:
    return "\n".join(items)


if __name__ == "__main__":
    main()
