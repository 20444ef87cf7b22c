; Captures: see python.scm.

(method name: (_) @name) @function
(singleton_method object: (_) name: (_) @name) @method

(class name: (constant) @name) @class
(class name: (scope_resolution scope: (_) @container name: (constant) @name)) @class
(module name: (constant) @name) @module
(module name: (scope_resolution scope: (_) @container name: (constant) @name)) @module

; `Point = Struct.new(:x) do ... end`
(assignment left: (constant) @name right: (call block: (_) @body)) @class

(call method: [(identifier) (constant)] @call)
