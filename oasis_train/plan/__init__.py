"""What a training run will need before it is started: memory, time, tokens, money."""

from oasis_train.plan.backbone import Backbone, load_backbone
from oasis_train.plan.estimate import Plan, format_plan, make_plan
from oasis_train.plan.probe import LayerTimes, probe_layer
from oasis_train.plan.setup import Data, Machine, Prices, Setup, recipe_backbone

__all__ = [
    "Backbone",
    "Data",
    "LayerTimes",
    "Machine",
    "Plan",
    "Prices",
    "Setup",
    "format_plan",
    "load_backbone",
    "make_plan",
    "probe_layer",
    "recipe_backbone",
]
