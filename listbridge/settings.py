"""What all tables of a category have in common, and the kinds of values that several have."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from listbridge.message import AddressError, normalise


def _address(text: str) -> str:
    try:
        return normalise(text)
    except AddressError as err:
        raise ValueError(str(err)) from None


MailAddress = Annotated[str, AfterValidator(_address)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class Settings(BaseModel):
    """What all tables have in common: nothing unknown, nothing changed later, no value echoed."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
    )
