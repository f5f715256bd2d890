"""The report as one self-contained page: tables that sort, figures inline, every run to look into."""

from analysis.html.page import html_report

__all__ = ["html_report"]
