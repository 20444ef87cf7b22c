; Captures: see python.scm. Methods without a body stay in the head of their class.

(function_definition
  declarator: [
    (function_declarator declarator: [(identifier) (operator_name)] @name)
    (pointer_declarator (function_declarator declarator: [(identifier) (operator_name)] @name))
    (reference_declarator (function_declarator declarator: [(identifier) (operator_name)] @name))]
  body: (_) @body) @function
(template_declaration (function_definition
  declarator: [
    (function_declarator declarator: [(identifier) (operator_name)] @name)
    (pointer_declarator (function_declarator declarator: [(identifier) (operator_name)] @name))
    (reference_declarator (function_declarator declarator: [(identifier) (operator_name)] @name))])) @function

; inside a class
(function_definition
  declarator: [
    (function_declarator declarator: [(field_identifier) (destructor_name) (operator_name)] @name)
    (pointer_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))
    (reference_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))
    (operator_cast type: (_) @name)]
  body: (_) @body) @method
(field_declaration_list (template_declaration (function_definition
  declarator: [
    (function_declarator declarator: [(identifier) (field_identifier) (operator_name)] @name)
    (pointer_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))
    (reference_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))])) @method)

; `Foo::bar` outside, one to three names deep
(function_definition
  declarator: [
    (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: [(identifier) (destructor_name) (operator_name)] @name))
    (pointer_declarator (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: [(identifier) (operator_name)] @name)))
    (reference_declarator (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: [(identifier) (operator_name)] @name)))
    (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: (qualified_identifier scope: (_) @container
        name: [(identifier) (destructor_name) (operator_name)] @name)))
    (pointer_declarator (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: (qualified_identifier scope: (_) @container name: [(identifier) (operator_name)] @name))))
    (reference_declarator (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: (qualified_identifier scope: (_) @container name: [(identifier) (operator_name)] @name))))
    (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: (qualified_identifier scope: (_) @container name: (qualified_identifier scope: (_) @container
        name: [(identifier) (destructor_name) (operator_name)] @name))))]
  body: (_) @body) @method
(template_declaration (function_definition
  declarator: [
    (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: [(identifier) (destructor_name) (operator_name)] @name))
    (reference_declarator (function_declarator declarator: (qualified_identifier scope: (_) @container
      name: [(identifier) (operator_name)] @name)))])) @method

(class_specifier name: (_) @name body: (_) @body) @class
(struct_specifier name: (_) @name body: (_) @body) @class
(union_specifier name: (_) @name body: (_) @body) @class
(enum_specifier name: (_) @name body: (_) @body) @class
(template_declaration [
  (class_specifier name: (_) @name body: (_))
  (struct_specifier name: (_) @name body: (_))]) @class
(template_declaration (alias_declaration name: (type_identifier) @name)) @class
(alias_declaration name: (type_identifier) @name) @class
(concept_definition name: (identifier) @name) @class
(type_definition
  type: [
    (struct_specifier !name body: (_) @body)
    (union_specifier !name body: (_) @body)
    (enum_specifier !name body: (_) @body)]
  declarator: (type_identifier) @name .) @class
(type_definition type: [
  (struct_specifier name: (type_identifier) @name body: (_))
  (union_specifier name: (type_identifier) @name body: (_))
  (enum_specifier name: (type_identifier) @name body: (_))]) @class

(namespace_definition name: (_) @name body: (_) @body) @namespace
(namespace_definition !name body: (_) @body) @namespace

(call_expression function: [
  (identifier) @call
  (field_expression field: (field_identifier) @call)
  (qualified_identifier name: (identifier) @call)
  (qualified_identifier name: (qualified_identifier name: (identifier) @call))
  (template_function name: (identifier) @call)
  (qualified_identifier name: (template_function name: (identifier) @call))
  (field_expression field: (template_method name: (field_identifier) @call))])
(new_expression type: (type_identifier) @call)
