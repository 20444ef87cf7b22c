; Captures of all queries in this folder:
;   @function @method @class  a unit; a @function directly in a class is a method
;   @module                   a class when functions stand directly in it, else a namespace
;   @namespace                encloses units and names them, is none itself
;   @package                  a statement that names everything up to the next one or the end of the file
;   @block                    part of an expression: only what is large in it is a unit
;   @name @body               of the definition; the signature ends where the body starts
;   @container                a container that the definition names itself (`Foo::bar`, a Go receiver)
;   @doc                      a documentation string; comments above are found without the tree
;   @decorated                around a unit: belongs to it, but not to its signature
;   @attached                 an attribute or annotation, inside or before what it belongs to
;   @call                     the last name of a callee
; Two patterns may match one definition by the same @name: the widest node is the unit.

(function_definition name: (identifier) @name body: (_) @body) @function
(class_definition name: (identifier) @name body: (_) @body) @class
(decorated_definition definition: (function_definition name: (identifier) @name) @function) @decorated
(decorated_definition definition: (class_definition name: (identifier) @name) @class) @decorated

(function_definition body: (block . (expression_statement . (string) @doc .)))
(class_definition body: (block . (expression_statement . (string) @doc .)))
(module . (expression_statement . (string) @doc .))

(call function: [(identifier) @call (attribute attribute: (identifier) @call)])
