"""The emoji sets that `build_emoji.py` draws from, and what has to be known about them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Source:
    """One set of drawings: a pinned npm package of Iconify, which carries the set as JSON."""

    artist: str
    version: str
    license: str
    url: str
    integrity: str

    @property
    def package(self):
        return f"@iconify-json/{self.artist}"


SOURCES = (
    Source(
        "noto",
        "1.2.9",
        "Apache-2.0",
        "https://github.com/googlefonts/noto-emoji",
        "sha512-DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
    ),
    Source(
        "noto-v1",
        "1.2.5",
        "Apache-2.0",
        "https://github.com/googlefonts/noto-emoji",
        "sha512-/DsVMius69Q0fRS53z7QK1TROSuar606jiIx+laXtdsYGMXpf6LtHBx6CGfoo3UHHb/XpBsw+1L1x3eyPqMuVA==",
    ),
    Source(
        "fxemoji",
        "1.2.2",
        "Apache-2.0",
        "https://github.com/mozilla/fxemoji",
        "sha512-UAasRaxzFUKfIGSmLwnoarsssA4LX0VLLuEmplIqM6ZNQqIQRtav8tZ4H1neTlBreXuMQyAifr5jP4kn78DpiQ==",
    ),
    Source(
        "twemoji",
        "1.2.5",
        "CC-BY-4.0",
        "https://github.com/jdecked/twemoji",
        "sha512-uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw==",
    ),
    Source(
        "emojione",
        "1.2.3",
        "CC-BY-4.0",
        "https://github.com/EmojiTwo/emojitwo",
        "sha512-T9+T3HIbJNLKKsmxYKlaYhvnHYkz/HNYTV7SHCXVZPfeUi4FqskY70YeN8yYAZT8cCv7w5vJxS4Q1m8zb9CMMg==",
    ),
    Source(
        "fluent-emoji-flat",
        "1.2.6",
        "MIT",
        "https://github.com/microsoft/fluentui-emoji",
        "sha512-RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
    ),
)

# Names of FxEmoji's own that are the formal name of something else (its "cat" is U+1F431, the cat face), and
# those of what is then left without a name. The code points are in the file names of its repository.
FXEMOJI_NAMES = {
    "cat": 0x1F431,
    "catside": 0x1F408,
    "dog": 0x1F436,
    "dogside": 0x1F415,
    "firstquartermoon": 0x1F313,
    "frown": 0x1F64D,
    "keyboard": 0x1F398,
    "kiss": 0x1F617,
    "couplekiss": 0x1F48F,
    "lastquartermoon": 0x1F317,
    "mouse": 0x1F42D,
    "mouseside": 0x1F401,
    "pig": 0x1F437,
    "pigside": 0x1F416,
    "sparkle": 0x2748,
    "tiger": 0x1F42F,
    "tigerside": 0x1F405,
    "umbrella": 0x1F302,
    "window": 0x1F5D4,
}

# Pictures that match by name and are wrong all the same, found by looking at every class: why each is out.
EXCLUDED = {
    (0x2747, "noto"): "draws a four-pointed star, not the sparkle of the other artists",
    (0x2747, "fluent-emoji-flat"): "draws a four-pointed star, not the sparkle of the other artists",
    (0x1F32B, "fxemoji"): "three pale hairlines: next to blank on white",
    (0x1F431, "fluent-emoji-flat"): "the same drawing as its U+1F63A, a smiling cat with an open mouth",
    (0x1F533, "fluent-emoji-flat"): "its frame is white: what is left on white is its U+25FC",
    (0x1F53C, "noto-v1"): "draws a red triangle, as all do at U+1F53A; the others draw a button",
    (0x1F53D, "noto-v1"): "draws a red triangle, as all do at U+1F53B; the others draw a button",
    (0x1F68B, "fxemoji"): "lost its style sheet in the package: a black silhouette",
}
