"""Where a network starts: random weights, its usual ones, a package, or a file."""

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from torch import Tensor, nn

from facetell.detect.model import Model
from facetell.errors import DataError, ModelError
from facetell.train.networks.detector import Detector, load_same_order
from facetell.train.networks.folding import Arithmetic, fold, unfold
from facetell.train.networks.from_model import witnesses
from facetell.train.networks.from_timm import TimmFeatures
from facetell.train.networks.registry import FROM_NOTHING, architecture
from facetell.train.networks.weight_file import read_weights

ENDINGS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".onnx")
FIRST_OF_ALL = "; first of all from: "
"""In a card, between the model that a training went on from and where all began."""
REMEDY = "give false, true, the name of an installed package with weights, or a file of weights"


def built(
    name: str,
    size_px: int,
    pretrained: bool | str,
    folded: Arithmetic | None = None,
    crops: Callable[[], Tensor] | None = None,
) -> Detector:
    """The architecture `name` for crops of size_px, with its start weights; see `Recipe`.

    crops: draws [N, 3, S, S] float32 to take statistics from, where the normalisation of a model
        file is to be given back.

    Raises DataError where there is no such architecture, and where its weights cannot be had or are
    those of another network; MissingExtra where their package is not installed.
    """
    net = architecture(name).build(size_px, pretrained is True)
    path = find_weights(pretrained) if isinstance(pretrained, str) else None
    is_model = path is not None and path.suffix == ".onnx"
    if is_model and not folded:
        if crops is None:
            raise DataError(
                f"{path} is a model file, whose normalisation is folded into its convolutions",
                hint="--set folded=fp32, or start from its run's checkpoint",
            )
        unfold(net, built(name, size_px, pretrained, "fp32"), crops())
        return net
    weights = read_weights(path, REMEDY) if path and not is_model else {}
    is_folded = is_model or _learnt_folded(weights)
    if folded and is_folded:
        fold(net, size_px, folded)
    if path:
        try:
            _load(net, witness_like(net, path)[1] if is_model else weights)
        except ValueError as error:
            raise DataError(f"{path.name} does not fit {name}: {error}", hint=REMEDY) from error
    if folded and not is_folded:
        fold(net, size_px, folded)
    return net


def _learnt_folded(weights: dict[str, Tensor]) -> bool:
    """Whether a run's checkpoint has no normalisation any more."""
    return any(name.startswith("net.") for name in weights) and not any(
        name.endswith("running_mean") for name in weights
    )


def origin(name: str, pretrained: bool | str) -> str:
    """What the card of a model says of where it started."""
    if isinstance(pretrained, bool):
        return (architecture(name).start if pretrained else None) or FROM_NOTHING
    path = find_weights(pretrained)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    with suppress(ModelError):  # where it is no model of ours
        card = Model.load(path).card
        began = first_of_all(card.start_weights)
        return f"{card.name} (sha256 {digest}…; {card.licence}){FIRST_OF_ALL}{began}"
    package = f" of the package {pretrained}" if not Path(pretrained).is_file() else ""
    return f"{path.name}{package} (sha256 {digest}…; its licence is its maker's to say)"


def first_of_all(start_weights: str) -> str:
    """Where all began, of what a card says of its start."""
    return start_weights.rpartition(FIRST_OF_ALL)[2]


def origins(told: Sequence[str]) -> str:
    """What the card of a model made of several says of where they started; each start once."""
    near = dict.fromkeys(t.partition(FIRST_OF_ALL)[0] for t in told if FIRST_OF_ALL in t)
    began = "; ".join(dict.fromkeys(map(first_of_all, told)))
    return FIRST_OF_ALL.join(filter(None, ("; ".join(near), began)))


def find_weights(where: str) -> Path:
    """The file itself, or the one file of weights in a package. Raises DataError where there is
    none, or several."""
    if Path(where).is_file():
        return Path(where)
    name = where.replace("-", "_")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"pretrained={where} is no file and no installed package", hint=REMEDY)
    folder = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)
    if len(found) != 1:
        raise DataError(
            f"the package {where} carries {len(found)} files of weights",
            hint="give the path of one of them" if found else REMEDY,
        )
    return found[0]


def _load(net: Detector, weights: dict[str, Tensor]) -> None:
    """A checkpoint of ours is loaded whole, but for a head of another width, which starts anew;
    another network's goes into the backbone, by the names of its tensors or, where these differ,
    by their order. Raises ValueError where neither fits."""
    ours = {n.removeprefix("net."): w for n, w in weights.items() if n.startswith("net.")}
    target: nn.Module = net if ours else net.backbone
    head = ours.get("head.weight")
    if head is not None and head.shape != net.head.weight.shape:
        ours |= {f"head.{name}": value for name, value in net.head.state_dict().items()}
    if isinstance(target, TimmFeatures):
        target = target.net
    weights = ours or weights
    own = target.state_dict()
    if set(own) <= set(weights):
        differ = [name for name, value in own.items() if value.shape != weights[name].shape]
        if differ:
            raise ValueError(f"{differ[0]} has another shape")
        target.load_state_dict({name: weights[name] for name in own})
    else:
        load_same_order(target, weights)


def witness_like(net: Detector, path: Path) -> tuple[int, dict[str, Tensor]]:
    """The network of a model file that is like `net`: its number, from 1, and its weights. Raises
    ValueError where none is."""
    try:
        found = witnesses(path)
    except ValueError:
        raise
    except Exception as error:  # a parser of protocol buffers fails in ways of its own
        raise DataError(
            f"{path} cannot be read as weights ({type(error).__name__})", hint=REMEDY
        ) from error
    wanted = {f"net.{name}": value.shape for name, value in net.state_dict().items()}
    for number, weights in enumerate(found, start=1):
        if {name: value.shape for name, value in weights.items()} == wanted:
            return number, weights
    raise ValueError("no network in it has these layers")
