"""XML from elsewhere: no document type, no entities, nothing fetched."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from listbridge.mailsession.foreign import SourceError


def root(raw: bytes, path: Path) -> Element:
    """Return the root element; raise `SourceError` for what is no XML or not harmless."""
    # Every command loads this module, and few read XML.
    from defusedxml import DefusedXmlException, ElementTree  # type: ignore[import-untyped]

    try:
        found: Element = ElementTree.fromstring(raw, forbid_dtd=True)
    except DefusedXmlException:
        raise SourceError(
            f"{path} has a document type or entities, which are not read",
            cure="take the <!DOCTYPE …> out",
        ) from None
    except ParseError as err:
        line, column = err.position
        raise SourceError(f"{path} is no XML: line {line}, column {column + 1}") from None
    except (LookupError, ValueError):
        raise SourceError(
            f"{path} is XML in an encoding that is not known", cure="save it in UTF-8"
        ) from None
    return found


def local_name(tag: str) -> str:
    """Return the name of an element or attribute without its namespace."""
    return tag.rpartition("}")[2]


def child_text(element: Element, name: str) -> str | None:
    """Return the text of the first child of this name; None if it is missing or empty."""
    for child in element:
        if local_name(child.tag) == name:
            return (child.text or "").strip() or None
    return None
