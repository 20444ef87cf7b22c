; Captures: see python.scm.

(function_definition name: (word) @name body: (_) @body) @function

(command name: (command_name (word) @call))
