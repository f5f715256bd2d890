"""The paper's nine figures, drawn from run directories in its layout, and what one would draw today."""

from analysis.paper.figures.catalogue import FIGURES, find_figure
from analysis.paper.figures.drawing import draw
from analysis.paper.figures.model import Panel, PaperFigure
from analysis.paper.figures.modern import modern

__all__ = ["FIGURES", "Panel", "PaperFigure", "draw", "find_figure", "modern"]
