"""Which media type a file has, by the end of its name.

`mimetypes` of the standard library reads the tables of the machine that it runs on, so that the same file has one type
here and another there; and it lacks much of what websites consist of.
"""

from __future__ import annotations

OCTETS = "application/octet-stream"
_TEXT = {
    "css": "text/css", "csv": "text/csv", "htm": "text/html", "html": "text/html", "ics": "text/calendar",
    "js": "text/javascript", "md": "text/markdown", "mjs": "text/javascript", "txt": "text/plain",
    "vcf": "text/vcard", "vtt": "text/vtt", "yaml": "application/yaml", "yml": "application/yaml",
}  # fmt: skip
_OTHERS = {
    "7z": "application/x-7z-compressed", "aac": "audio/aac", "atom": "application/atom+xml", "avif": "image/avif",
    "bmp": "image/bmp", "br": OCTETS, "bz2": "application/x-bzip2", "epub": "application/epub+zip",
    "flac": "audio/flac", "geojson": "application/geo+json", "gif": "image/gif", "gz": "application/gzip",
    "ico": "image/vnd.microsoft.icon", "jpeg": "image/jpeg", "jpg": "image/jpeg", "json": "application/json",
    "jsonld": "application/ld+json", "jxl": "image/jxl", "m4a": "audio/mp4", "m4v": "video/mp4",
    "map": "application/json", "mkv": "video/matroska", "mov": "video/quicktime", "mp3": "audio/mpeg",
    "mp4": "video/mp4", "mpeg": "video/mpeg", "oga": "audio/ogg", "ogg": "audio/ogg", "ogv": "video/ogg",
    "opus": "audio/ogg", "otf": "font/otf", "parquet": "application/vnd.apache.parquet", "pdf": "application/pdf",
    "png": "image/png", "rss": "application/rss+xml", "svg": "image/svg+xml", "tar": "application/x-tar",
    "tif": "image/tiff", "tiff": "image/tiff", "ttf": "font/ttf", "wasm": "application/wasm", "wav": "audio/wav",
    "weba": "audio/webm", "webm": "video/webm", "webmanifest": "application/manifest+json", "webp": "image/webp",
    "whl": "application/zip", "woff": "font/woff", "woff2": "font/woff2", "xhtml": "application/xhtml+xml",
    "xml": "application/xml", "zip": "application/zip", "zst": "application/zstd",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "odt": "application/vnd.oasis.opendocument.text",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
# End of a name -> media type. Text is taken for UTF-8: without a charset, browsers guess.
TYPES = {**{end: f"{name}; charset=utf-8" for end, name in _TEXT.items()}, **_OTHERS}


def type_of(name: str) -> str:
    """Return the media type of a file called ``name``; of an unknown one, that of plain octets."""
    return TYPES.get(name.rpartition(".")[2].lower(), OCTETS)
