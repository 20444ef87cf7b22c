;;; session.el --- One session as a user has it  -*- lexical-binding: t; -*-

;;; Commentary:

;; What was seen is written to a file that the Python test reads.

;;; Code:

(load (expand-file-name "common.el" (file-name-directory load-file-name)) nil t)

(defvar seen nil)

(defun note (key value)
  "Keep VALUE under KEY."
  (setq seen (plist-put seen key value)))

(defun phase (root)
  "The phase of the project at ROOT."
  (let ((connection (cdar oasis--connections)))
    (plist-get (cdr (assoc (oasis--uri root) (oref connection statuses))) :phase)))

(defun files ()
  "Names of the files in the list, in its order."
  (with-current-buffer "*oasis*"
    (let (found)
      (goto-char (point-min))
      (while (not (eobp))
        (let ((hit (get-text-property (point) 'oasis-hit)))
          (when hit (push (file-name-nondirectory (plist-get hit :uri)) found)))
        (forward-line 1))
      (vconcat (nreverse found)))))

(defun cursor ()
  "File, line and column of the selected window."
  (vector (file-name-nondirectory (or buffer-file-name ""))
          (line-number-at-pos nil t) (- (point) (line-beginning-position))))

(defun visit (relative)
  "Visit the file RELATIVE to the project."
  (switch-to-buffer (find-file-noselect (expand-file-name relative (plist-get given :root)))))

(defun search (words file)
  "Search for WORDS until the best hit is in FILE, then go there."
  (wait words
        (lambda ()
          (visit "src/retry.py")
          (when (get-buffer "*oasis*") (kill-buffer "*oasis*"))
          (oasis-search words)
          (and (get-buffer "*oasis*")
               (equal file (let ((all (files))) (and (> (length all) 0) (aref all 0)))))))
  (switch-to-buffer "*oasis*")
  (goto-char (point-min))
  (oasis-open)
  (cursor))

(defun session ()
  "See what a user sees."
  (let ((root (plist-get given :root)))
    (setq oasis-settings (list :cacheDir (plist-get given :cache)))
    (setq vc-handled-backends '(Git))
    (visit "src/retry.py")
    (setq oasis-server-command '("no-such-oasis" "serve"))
    (note :missing (condition-case problem (progn (oasis-search "x") "none")
                     (user-error (error-message-string problem))))
    (setq oasis-server-command '("sh" "-c" "echo broken pipe of dreams >&2; exit 3"))
    (note :broken (condition-case problem (progn (oasis-search "x") "none")
                    (user-error (error-message-string problem))))
    (setq oasis-server-command (append (plist-get given :command) nil))
    (oasis-mode 1)
    (wait "the index" (lambda () (equal (phase root) "ready")))
    (note :lighter (oasis--lighter))
    (note :cursor (search "wait longer after each failed attempt" "retry.py"))
    (note :files (files))
    (note :order (vconcat
                  (mapcar (lambda (hit) (file-name-nondirectory (plist-get hit :uri)))
                          (plist-get (oasis--ask (cdar oasis--connections) :oasis/search
                                                 '(:query "wait longer after each failed attempt"))
                                     :hits))))
    (with-current-buffer "*oasis*"
      (note :title header-line-format))
    (switch-to-buffer "*oasis*")
    (delete-other-windows)
    (goto-char (point-min))
    (oasis-next)
    (note :next (vector (line-number-at-pos) (length (window-list))))
    (oasis-previous)
    (note :previous (line-number-at-pos))
    (delete-other-windows)
    (note :emoji (search "haversine great-circle distance on earth" "distance.js"))

    (visit "src/retry.py")
    (goto-char (point-min))
    (search-forward "delay *= 2")
    (oasis-similar)
    (note :similar (with-current-buffer "*oasis*"
                     (vector header-line-format
                             (buffer-substring-no-properties (point-min) (point-max)))))
    (let ((oasis-similar-use-xref t))
      (visit "src/retry.py")
      (goto-char (point-min))
      (search-forward "delay *= 2")
      (oasis-similar)
      (note :xref (with-current-buffer xref-buffer-name
                    (buffer-substring-no-properties (point-min) (point-max)))))

    (visit "src/retry.py")
    (goto-char (point-min))
    (insert "\ndef feed_elephants(keeper):\n    keeper.bring_hay()\n\n")
    (note :unsaved (wait "the unsaved function"
                         (lambda ()
                           (let ((place (search "feed_elephants bring hay to the elephants" "retry.py")))
                             (and (= 2 (aref place 1)) place)))))

    (switch-to-buffer (find-file-noselect (expand-file-name "tide.py" (plist-get given :second))))
    (oasis-mode 1)
    (wait "the second project" (lambda () (equal (phase (plist-get given :second)) "ready")))
    (note :second (search "when is the next high tide" "tide.py"))
    (visit "src/retry.py")
    (oasis-search "wait longer after each failed attempt")
    (switch-to-buffer (find-file-noselect (expand-file-name "tide.py" (plist-get given :second))))
    (oasis-search "when is the next high tide" t)
    (note :list_root (with-current-buffer "*oasis*" (oasis--root)))
    (note :servers (length oasis--connections))

    (visit "src/retry.py")
    (setq said nil)
    (oasis-duplicates t)
    (note :no_duplicates (car said))
    (oasis-duplicates)
    (note :duplicates (with-current-buffer "*oasis*"
                        (vector header-line-format
                                (buffer-substring-no-properties (point-min) (point-max)))))
    (oasis-pause)
    (oasis-resume)
    (note :status (wait "both projects to be ready"
                        (lambda ()
                          (setq said nil)
                          (oasis-status)
                          (and (= 2 (cl-count-if (lambda (line) (string-match-p ": ready," line))
                                                 (split-string (car said) "\n")))
                               (car said)))))
    (setq said nil)
    (oasis-search "  ")
    (note :empty (car said))
    (let ((process (jsonrpc--process (cdar oasis--connections))))
      (setq said nil)
      (signal-process process 'SIGKILL)
      (wait "the news of the crash" (lambda () said))
      (note :crash (car said))
      (kill-buffer "*oasis*")
      (visit "src/retry.py")
      (oasis-search "wait longer after each failed attempt")
      (note :first (files))
      (note :again (search "wait longer after each failed attempt" "retry.py")))
    (let ((process (jsonrpc--process (cdar oasis--connections))))
      (note :pid (process-id process))
      (setq said nil)
      (oasis-stop)
      (note :exit (vector (symbol-name (process-status process)) (process-exit-status process)
                          (length oasis--connections)
                          (cl-count-if (lambda (each) (string-match-p "OASIS" each)) said))))
    (set-buffer-modified-p nil)))

(session)
(with-temp-file (plist-get given :result)
  (let ((text (json-serialize seen)))
    (insert (if (multibyte-string-p text) text (decode-coding-string text 'utf-8)))))
;;; session.el ends here
