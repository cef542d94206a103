"""Colours of every chart, told apart by colour-blind eyes (Okabe & Ito 2008,
https://jfly.uni-koeln.de/color/)."""

REAL, FAKE, OTHER = "#0072b2", "#d55e00", "#7f7f7f"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
