"""Fetch a public data set by its name, with the hubs' own clients. The only code here that uses a
network, and only when called."""

from collections.abc import Callable
from pathlib import Path

from facetell.errors import DataError, MissingExtra

NAMES = "kaggle:OWNER/NAME or hf:OWNER/NAME"


def download(name: str, folder: Path) -> Path:
    """Fetch `kaggle:OWNER/NAME` or `hf:OWNER/NAME` into `folder`; returns where it lies.

    An interrupted download is gone on with where the hub allows it. Raises DataError where the name
    is none, nothing is found under it, or no connection can be made; MissingExtra without the
    client.
    """
    hub, colon, handle = name.partition(":")
    if not colon or hub not in HUBS or handle.count("/") != 1 or not all(handle.split("/")):
        raise DataError(f"{name!r} names no data set", hint=f"use {NAMES}")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        HUBS[hub](handle, folder)
    except ImportError as error:
        raise MissingExtra(f"the client of {hub} ({error.name})", "train") from error
    # The clients raise what their transports do, of many kinds, with the cause in their texts.
    except Exception as error:
        raise DataError(
            f"{name} cannot be fetched: {_first_line(error)}", hint=_remedy(hub, error)
        ) from error
    return folder


def _from_kaggle(handle: str, folder: Path) -> None:
    import kagglehub

    kagglehub.dataset_download(handle, output_dir=str(folder))


def _from_hugging_face(handle: str, folder: Path) -> None:
    from huggingface_hub import snapshot_download

    snapshot_download(handle, repo_type="dataset", local_dir=folder)


HUBS: dict[str, Callable[[str, Path], None]] = {
    "kaggle": _from_kaggle,
    "hf": _from_hugging_face,
}
_TOKENS = {
    "kaggle": "set KAGGLE_API_TOKEN, from kaggle.com/settings",
    "hf": "set HF_TOKEN, from huggingface.co/settings/tokens, and accept the data set's terms",
}


def _remedy(hub: str, error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"it needs an account: {_TOKENS[hub]}"
    if status == 404:
        return "look for the exact name on the hub's page; private data sets need a token, too"
    if isinstance(error, OSError):
        return "is there a network? Data fetched elsewhere can be copied here and used as it lies"
    return f"use {NAMES}; private data sets need an account: {_TOKENS[hub]}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
