"""References to images: which one no registry can have, as every runtime reads them."""

import re

_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_TAG = r":\w[\w.-]{0,127}"
_DIGEST = r"@(?:sha256:[0-9a-f]{64}|(?!sha256:)[A-Za-z][\w+.-]*:[0-9a-fA-F]{32,})"
_IMAGE = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?:{_TAG})?(?:{_DIGEST})?", re.ASCII)


def why_no_image(image: str) -> str:
    """Return why a text is no reference to an image; empty if it is one."""
    if image.strip() != image:
        return "the API server refuses a pod with spaces around it"
    if _IMAGE.fullmatch(image):
        return ""
    if re.search(r"\s", image):
        return "there is a space in it"
    if image.partition("@")[0].endswith(":"):
        return "nothing stands after its colon"
    if _IMAGE.fullmatch(image.lower()):
        return "the name of a repository has no capitals"
    return "it is not written as HOST/NAME:TAG or @DIGEST"
