; Captures: see python.scm.

(function_declaration name: (identifier) @name body: (_) @body) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @container))
  name: (field_identifier) @name body: (_) @body) @method

(type_spec name: (type_identifier) @name) @class
(type_declaration . (type_spec name: (type_identifier) @name) .) @class
(type_alias name: (type_identifier) @name) @class
(type_declaration . (type_alias name: (type_identifier) @name) .) @class

; `var f = func() {}`
(source_file (var_declaration . (var_spec . name: (identifier) @name
  value: (expression_list . (func_literal body: (_) @body) .)) .) @function)

(call_expression function: [
  (identifier) @call
  (selector_expression field: (field_identifier) @call)])
