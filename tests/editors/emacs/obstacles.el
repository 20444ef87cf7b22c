;;; obstacles.el --- What Emacs says when something stands in the way  -*- lexical-binding: t; -*-

;;; Commentary:

;; OASIS_TEST names the scenario; how often what was said is written to a file that the Python test reads.

;;; Code:

(load (expand-file-name "common.el" (file-name-directory load-file-name)) nil t)

(defun times (words)
  "How often something with WORDS in it was said."
  (cl-count-if (lambda (line) (string-search words line)) said))

(defun search ()
  "Search, and give what was said against it, nil for hits."
  (condition-case problem
      (progn
        (when (get-buffer "*oasis*") (kill-buffer "*oasis*"))
        (oasis-search "wait longer after each failed attempt")
        nil)
    (user-error (error-message-string problem))))

(defun hits ()
  "Search until there are hits."
  (wait "hits" (lambda ()
                 (search)
                 (and (get-buffer "*oasis*")
                      (with-current-buffer "*oasis*"
                        (goto-char (point-min))
                        (search-forward "retry.py" nil t))))))

(defun visit ()
  "Visit a file of the project, with the mode on."
  (switch-to-buffer (find-file-noselect (expand-file-name "src/retry.py" (plist-get given :root))))
  (oasis-mode 1))

(defun ready ()
  "Whether the project is indexed."
  (let ((connection (cdar oasis--connections)))
    (equal "ready" (plist-get (cdr (assoc (oasis--uri (plist-get given :root)) (oref connection statuses)))
                              :phase))))

(defun foreign ()
  "A program that is another language server: refused each time, and none is left running."
  (setq oasis-server-command (append (plist-get given :foreign) nil))
  (switch-to-buffer (find-file-noselect (expand-file-name "src/retry.py" (plist-get given :root))))
  (let ((first (search)) (second (search)))
    (cl-assert (string-search "does not speak the protocol of OASIS" first) t)
    (cl-assert (equal first second) t))
  (cl-assert (null oasis--connections) t)
  (wait "its end" (lambda () (not (cl-some #'process-live-p (process-list)))))
  1)

(defun unwritable ()
  "An index folder that cannot be written: said once, and search goes on."
  (setq oasis-settings (list :cacheDir (expand-file-name "a-file/index" (plist-get given :folder))))
  (visit)
  (wait "the message" (lambda () (> (times "cannot be opened") 0)))
  (hits)
  (times "cannot be opened"))

(defun vanished ()
  "A project whose drive is gone comes back with it, by a command."
  (let* ((root (directory-file-name (plist-get given :root)))
         (gone (concat root "-gone")))
    (setq oasis-settings (list :cacheDir (plist-get given :cache)))
    (visit)
    (wait "the index" #'ready)
    (hits)
    (rename-file root gone)
    (setq said nil)
    (search)
    (search)
    (wait "the message" (lambda () (> (times "is gone") 0)))
    (let ((count (times "is gone")))
      (rename-file gone root)
      (oasis-reindex)
      (hits)
      count)))

(setq oasis-server-command (append (plist-get given :command) nil))
(let ((count (funcall (intern (plist-get given :scenario)))))
  (with-temp-file (plist-get given :result)
    (insert (json-serialize (list :count count)))))
(oasis-stop)
;;; obstacles.el ends here
