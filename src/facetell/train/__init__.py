"""Everything that imports torch."""

from facetell.train.torchvision_shim import declare_missing_operators

declare_missing_operators()  # before timm or torchmetrics import torchvision
