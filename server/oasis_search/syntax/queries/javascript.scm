; Captures: see python.scm.

(function_declaration name: (identifier) @name body: (_) @body) @function
(generator_function_declaration name: (identifier) @name body: (_) @body) @function
(export_statement declaration: (function_declaration name: (identifier) @name)) @function
(export_statement declaration: (generator_function_declaration name: (identifier) @name)) @function

(class_declaration name: (identifier) @name body: (_) @body) @class
(export_statement declaration: (class_declaration name: (identifier) @name)) @class
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @class

(class_body (method_definition name: (_) @name body: (_) @body) @method)
(object (method_definition name: (_) @name body: (_) @body) @function)
(class_body (field_definition property: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method)
(pair key: (property_identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body) (generator_function body: (_) @body)]) @function

; `const f = () => ...`; the whole statement when it declares only that
(variable_declarator name: (identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body) (generator_function body: (_) @body)]) @function
(lexical_declaration . (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) .) @function
(variable_declaration . (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) .) @function
(export_statement declaration: (lexical_declaration . (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) .)) @function

; `Foo.prototype.bar = function () {}`, `exports.bar = () => ...`
(expression_statement (assignment_expression
  left: (member_expression object: (_) @container property: (property_identifier) @name)
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body) (generator_function body: (_) @body)])) @function
(expression_statement (assignment_expression
  left: (identifier) @name
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)])) @function

; objects whose members are functions
(variable_declarator name: (identifier) @name value: (object)) @namespace
(lexical_declaration . (variable_declarator name: (identifier) @name value: (object)) .) @namespace
(export_statement declaration: (lexical_declaration
  . (variable_declarator name: (identifier) @name value: (object)) .)) @namespace
(pair key: (property_identifier) @name value: (object)) @namespace

(decorator) @attached

; parts of an expression: only what is large in them is a unit
(arguments [(arrow_function) (function_expression) (object)] @block)
(array [(arrow_function) (function_expression) (object)] @block)

(call_expression function: [(identifier) @call (member_expression property: (property_identifier) @call)])
(new_expression constructor: [(identifier) @call (member_expression property: (property_identifier) @call)])
