;;; common.el --- What every script in Emacs needs  -*- lexical-binding: t; -*-

;;; Commentary:

;; What the Python test gave, what was said, and waiting.

;;; Code:

(require 'oasis)

(defvar given (json-parse-string (getenv "OASIS_TEST") :object-type 'plist))
(defvar said nil)

(advice-add 'message :before
            (lambda (form &rest arguments)
              (when form (push (apply #'format-message form arguments) said))))

(defun wait (what condition)
  "Wait for WHAT until CONDITION holds, and give its value."
  (let ((until (+ (float-time) 60)) value)
    (while (not (setq value (funcall condition)))
      (when (> (float-time) until) (error "Waited in vain for %s; said %S" what said))
      (accept-process-output nil 0.05))
    value))

(provide 'common)
;;; common.el ends here
