"""Writing an ONNX graph node by node: named values in, a model file out.

The graphs are written from the weights, not traced from torch: then each node is one that onnxruntime
computes fast, and neither a version of torch nor one of transformers can change what is served. Deliberately
knows no architecture.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

CONTRIB = "com.microsoft"
"""Domain of onnxruntime's own operators."""

OPSET = 20
IR_VERSION = 9
"""Both are read by onnxruntime 1.20 and later."""

EXTERNAL_ABOVE_BYTES = 1024
"""Larger constants go into the weights file, which onnxruntime maps instead of copying it."""

Array = NDArray[Any]


class GraphWriter:
    """A graph under construction; values are known by name, in the order in which they are computed."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._n_values = 0

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401
        """Add a node with one output and return its name; an input of "" is left out."""
        return self.ops(kind, *inputs, n_outputs=1, domain=domain, **attributes)[0]

    def ops(
        self,
        kind: str,
        *inputs: str,
        n_outputs: int,
        domain: str = "",
        **attributes: Any,  # noqa: ANN401 - whatever the operator takes
    ) -> list[str]:
        """Add a node and return the names of its outputs."""
        from onnx.helper import make_node

        self._n_values += 1
        name = f"{kind}_{self._n_values}"
        outputs = [name, *(f"{name}_{index}" for index in range(1, n_outputs))]
        self._nodes.append(make_node(kind, inputs, outputs, name=name, domain=domain, **attributes))
        return outputs

    def constant(self, value: Array, name: str = "") -> str:
        """Add a constant and return its name; a name that exists already means the same constant."""
        from onnx.numpy_helper import from_array

        if not name:
            self._n_values += 1
            name = f"constant_{self._n_values}"
        if name not in self._constants:
            self._constants[name] = from_array(np.ascontiguousarray(value), name)
        return name

    def integers(self, *values: int) -> str:
        """A constant of one dimension, as axes and shapes are."""
        return self.constant(np.array(values, dtype=np.int64))

    def rename(self, value: str, name: str) -> None:
        """Give an output of the last node the name that a caller will ask for."""
        outputs = self._nodes[-1].output
        outputs[list(outputs).index(value)] = name

    def model(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> "onnx.ModelProto":
        """The finished model; `inputs` and `outputs` are made by `onnx.helper.make_tensor_value_info`."""
        from onnx.helper import make_graph, make_model, make_opsetid

        graph = make_graph(self._nodes, "encoder", inputs, outputs, list(self._constants.values()))
        return make_model(
            graph,
            opset_imports=[make_opsetid("", OPSET), make_opsetid(CONTRIB, 1)],
            ir_version=IR_VERSION,
            producer_name="oasis-train",
        )


def save_model(model: "onnx.ModelProto", path: Path, weights_name: str) -> None:
    """Write the graph to `path` and its large constants to the file `weights_name` beside it."""
    import onnx

    (path.parent / weights_name).unlink(missing_ok=True)  # onnx appends
    onnx.save_model(
        model,
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=weights_name,
        size_threshold=EXTERNAL_ABOVE_BYTES,
    )
