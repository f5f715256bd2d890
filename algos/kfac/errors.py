"""One error class per way in which a model, a record or a statistic can be unusable."""

from __future__ import annotations


class KFACError(RuntimeError):
    """Base class of every error that `algos.kfac` raises about a model or its statistics."""


class UncoveredParameterError(KFACError):
    """A trainable parameter has no curvature block."""


class TiedWeightsError(KFACError):
    """One parameter belongs to two layers."""


class GroupedConvolutionError(KFACError):
    """A convolution has `groups != 1`."""


class SplitLayerError(KFACError):
    """The weight and the bias of one layer are in different parameter groups."""


class ChangedParameterError(KFACError):
    """A parameter was frozen or thawed after the optimizer had covered the model with blocks."""


class RecordError(KFACError):
    """`record()` and `observe()` were not used in the order in which they belong."""


class LayerFiredTwiceError(RecordError):
    """A layer ran more than once inside one `record()`."""


class LayerNotRecordedError(RecordError):
    """A layer did not run inside `record()`, or the outputs do not depend on it."""


class BatchShapeError(RecordError):
    """The batch dimension of an input, an output or a score is not the one expected."""


class ModifiedInputError(RecordError):
    """The input of a layer was changed in place after the layer had read it."""


class NoStatisticsError(KFACError):
    """`step()` was called before the statistics that it needs exist."""


class NonFiniteError(KFACError):
    """A score, a layer's input or a back-propagated score holds NaN or infinity."""


class FactorizationError(KFACError):
    """A curvature factor could not be inverted and no earlier inverse exists."""
