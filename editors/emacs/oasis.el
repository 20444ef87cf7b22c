;;; oasis.el --- Find code by meaning with OASIS Code Search  -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The OASIS authors
;; SPDX-License-Identifier: Apache-2.0
;; Author: The OASIS authors
;; Maintainer: The OASIS authors
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1") (jsonrpc "1.0.15"))
;; Keywords: tools, matching, convenience

;;; Commentary:

;; Ask for code in words, find what is similar to the function at point, and
;; list copies, all on your own machine.  The package speaks to `oasis serve'
;; over a connection of its own, so it stands beside Eglot or lsp-mode and
;; never in their way.
;;
;; M-x oasis-search is all one needs to know; it starts the server.  Unsaved
;; text is searched as it stands in its buffer.  Hits are always shown in the
;; order of the server.

;;; Code:

(require 'cl-lib)
(require 'jsonrpc)
(require 'project)
(require 'pulse)
(require 'subr-x)
(require 'url-util)
(require 'xref)

(declare-function consult--read "ext:consult")
(declare-function consult--jump-state "ext:consult")
(declare-function consult--lookup-prop "ext:consult")
(declare-function consult--async-sink "ext:consult")
(declare-function consult--async-split "ext:consult")
(declare-function consult--async-split-initial "ext:consult")

(defgroup oasis nil
  "Find code by meaning."
  :group 'tools
  :prefix "oasis-")

(defcustom oasis-server-command '("oasis" "serve")
  "Program and arguments that start the server."
  :type '(repeat string))

(defcustom oasis-settings nil
  "Settings for the server, as a property list.
For example (:search (:limit 30) :index (:exclude [\"vendor/\"])).
The names are those of the settings table in the README of OASIS."
  :type 'plist)

(defcustom oasis-share-server t
  "Whether all projects share one server, each as a folder of it.
When nil every project has a server of its own."
  :type 'boolean)

(defcustom oasis-start-timeout 30
  "Seconds to wait for a server that was started."
  :type 'number)

(defcustom oasis-request-timeout 30
  "Seconds to wait for an answer."
  :type 'number)

(defcustom oasis-first-wait 10
  "Seconds the first search waits for the index of a project.
After that it shows what was indexed so far."
  :type 'number)

(defcustom oasis-sync-delay 0.3
  "Seconds without typing after which unsaved text goes to the server."
  :type 'number)

(defcustom oasis-limit nil
  "Most hits wanted, 1 to 200, or nil for the setting of the server."
  :type '(choice (const :tag "As the server has it" nil) natnum))

(defcustom oasis-preview t
  "Whether moving in the list of hits shows the hit in another window."
  :type 'boolean)

(defcustom oasis-use-consult t
  "Whether `oasis-search' searches as you type when consult is installed."
  :type 'boolean)

(defcustom oasis-similar-use-xref nil
  "Whether `oasis-similar' shows its hits with xref."
  :type 'boolean)

(defface oasis-rank '((t :inherit shadow))
  "Face of ranks and probabilities.")

(defface oasis-name '((t :inherit font-lock-function-name-face))
  "Face of names.")

(defface oasis-place '((t :inherit shadow))
  "Face of files and lines.")

;;;; Connections

(defclass oasis--connection (jsonrpc-process-connection)
  ((roots :initform nil :documentation "Project roots that it serves.")
   (methods :initform nil :documentation "Own methods that it announced.")
   (statuses :initform nil :documentation "Alist of folder URI to status.")
   (settled :initform nil :documentation "Folder URIs that were indexed once.")
   (told :initform nil :documentation "Pairs of folder URI and message that were said.")
   (stopping :initform nil :documentation "Whether its end was asked for."))
  "A connection to one server.")

(defvar oasis--connections nil
  "Alist of key to connection; the key is a project root or `shared'.")

(defvar-local oasis--synced nil
  "The connection that has this buffer's text, or nil.")

(defvar-local oasis--version 0
  "Number of the text that was sent last.")

(defvar-local oasis--timer nil
  "Timer that sends this buffer's text, or nil.")

(defvar-local oasis--uri nil
  "URI under which this buffer was opened on the server.")

(defvar oasis-mode)

(defun oasis--uri (path)
  "The file URI of PATH."
  (let ((full (directory-file-name (expand-file-name path))))
    (concat "file://" (unless (string-prefix-p "/" full) "/")
            (url-hexify-string full url-path-allowed-chars))))

(defun oasis--path (uri)
  "The path of the file URI."
  (let ((path (decode-coding-string
               (url-unhex-string (string-remove-prefix "file://" uri)) 'utf-8)))
    (if (string-match-p "\\`/[A-Za-z]:" path) (substring path 1) path)))

(defun oasis--root ()
  "Root of the current project, or signal what is wrong."
  (when (file-remote-p default-directory)
    (user-error "OASIS: files on another machine are not indexed; run Emacs there"))
  (let ((project (project-current)))
    (cond
     (project
      (file-name-as-directory
       (expand-file-name (project-root project))))
     ((cl-some #'oasis--root-of-path
               (list (or buffer-file-name default-directory))))
     ((let ((connection (cdar oasis--connections)))
        (and connection (car (oref connection roots)))))
     (t (user-error
         "OASIS: %s is in no project; open a file of one (a folder with .git)"
         (abbreviate-file-name default-directory))))))

(defun oasis--root-of-path (path)
  "The served project root around PATH, or nil."
  (cl-loop for (_ . connection) in oasis--connections
           thereis (cl-find-if (lambda (root) (string-prefix-p root path))
                               (oref connection roots))))

(defun oasis--stderr-name (connection-name)
  "Name of the log buffer of the server called CONNECTION-NAME."
  (format "*%s stderr*" connection-name))

(defun oasis--last-words (name)
  "The last line in the log of the server called NAME, or nil."
  (let ((buffer (or (get-buffer (oasis--stderr-name name))
                    (get-buffer (concat " " (oasis--stderr-name name))))))
    (when buffer
      (with-current-buffer buffer
        (cl-find-if-not
         (lambda (line) (or (string-blank-p line)
                            (string-match-p "\\`Process .* stderr" line)))
         (nreverse (split-string (buffer-string) "\n" t)))))))

(defun oasis--check-command ()
  "Signal a remedy unless the program of `oasis-server-command' exists."
  (unless (executable-find (car oasis-server-command))
    (user-error
     "OASIS: no program `%s'; install it (`uv tool install oasis-code-search') or set `oasis-server-command'"
     (car oasis-server-command))))

(defun oasis--folder (root)
  "ROOT as a workspace folder."
  (list :uri (oasis--uri root)
        :name (file-name-nondirectory (directory-file-name root))))

(defun oasis--parameters (root)
  "Parameters of `initialize' for a server that begins with ROOT."
  (list
   :processId (emacs-pid)
   :clientInfo (list :name "Emacs oasis.el" :version emacs-version)
   :rootUri (oasis--uri root)
   :workspaceFolders (vector (oasis--folder root))
   :initializationOptions (or oasis-settings (make-hash-table))
   :capabilities
   (list
    :general (list :positionEncodings ["utf-32"])
    :workspace (list :configuration t :workspaceFolders t)
    :window (list :workDoneProgress :json-false)
    :textDocument (list :synchronization (list :didSave t)))))

(defun oasis--start (key root)
  "Start a server for ROOT and keep it under KEY."
  (oasis--check-command)
  (let* ((name (if (eq key 'shared) "oasis"
                 (format "oasis %s" (file-name-nondirectory
                                     (directory-file-name root)))))
         (log (get-buffer-create (oasis--stderr-name name)))
         (default-directory root)
         connection)
    (with-current-buffer log
      (let ((inhibit-read-only t)) (erase-buffer)))
    (condition-case problem
        (progn
          (setq connection
                (make-instance
                 'oasis--connection
                 :name name
                 :process (make-process
                           :name name :command oasis-server-command
                           :connection-type 'pipe :coding 'utf-8-emacs-unix
                           :stderr log :noquery t)
                 :notification-dispatcher #'oasis--on-notification
                 :request-dispatcher #'oasis--on-request
                 :on-shutdown #'oasis--on-end))
          (oasis--keep-no-events connection)
          (oset connection roots (list root))
          (let* ((result (jsonrpc-request connection :initialize
                                          (oasis--parameters root)
                                          :timeout oasis-start-timeout))
                 (capabilities (plist-get result :capabilities))
                 (own (plist-get (plist-get capabilities :experimental) :oasis)))
            (unless own
              (error "The program does not speak the protocol of OASIS"))
            (unless (equal (plist-get capabilities :positionEncoding) "utf-32")
              (error "The server cannot count in utf-32; update it"))
            (oset connection methods (append (plist-get own :methods) nil)))
          (jsonrpc-notify connection :initialized (make-hash-table)))
      ((error quit)
       (when connection
         (oset connection stopping t)
         (oasis--end connection 0))
       (if (eq (car problem) 'quit)
           (signal 'quit nil)
         (user-error
          "OASIS: `%s' did not start: %s.  Try it in a shell, or run `oasis doctor'; log in %s"
          (string-join oasis-server-command " ")
          (or (oasis--last-words name) (oasis--why problem))
          (buffer-name log)))))
    (push (cons key connection) oasis--connections)
    (add-hook 'find-file-hook #'oasis--maybe-turn-on)
    (add-hook 'kill-emacs-hook #'oasis-stop)
    connection))

(defun oasis--keep-no-events (connection)
  "Have CONNECTION keep no log of its messages; they hold whole files."
  (dolist (pair '((-events-buffer-config . (:size 0 :format full))
                  (-events-buffer-scrollback-size . 0)))
    (when (slot-exists-p connection (car pair))
      (setf (slot-value connection (car pair)) (cdr pair)))))

(defun oasis--why (problem)
  "The sentence in PROBLEM, a signalled error."
  (or (alist-get 'jsonrpc-error-message (and (listp (cdr problem))
                                             (cl-remove-if-not #'consp (cdr problem))))
      (error-message-string problem)))

(defun oasis--connect (&optional root)
  "The running connection for ROOT or the current project, started when needed."
  (let* ((root (or root (oasis--root)))
         (key (if oasis-share-server 'shared root))
         (connection (alist-get key oasis--connections nil nil #'equal)))
    (if (and connection (jsonrpc-running-p connection))
        (unless (member root (oref connection roots))
          (oset connection roots (append (oref connection roots) (list root)))
          (jsonrpc-notify
           connection :workspace/didChangeWorkspaceFolders
           (list :event (list :added (vector (oasis--folder root)) :removed []))))
      (setq connection (oasis--start key root)))
    (oasis--adopt-buffers root)
    connection))

(defun oasis--running ()
  "The running connections."
  (cl-remove-if-not #'jsonrpc-running-p (mapcar #'cdr oasis--connections)))

(defun oasis--end (connection patience)
  "See to it that the process of CONNECTION ends, after PATIENCE seconds by force."
  (let ((process (jsonrpc--process connection))
        (until (+ (float-time) patience)))
    (while (and (process-live-p process) (< (float-time) until))
      (accept-process-output process 0.05))
    (when (process-live-p process)
      (delete-process process))))

(defun oasis--forget (connection)
  "Drop all that is kept about CONNECTION."
  (setq oasis--connections (rassq-delete-all connection oasis--connections))
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer
      (when (eq oasis--synced connection)
        (setq oasis--synced nil))))
  (unless oasis--connections
    (remove-hook 'find-file-hook #'oasis--maybe-turn-on)
    (remove-hook 'kill-emacs-hook #'oasis-stop))
  (force-mode-line-update t))

(defun oasis--on-end (connection)
  "Say so when CONNECTION ended without being asked to."
  (let ((known (rassq connection oasis--connections)))
    (oasis--forget connection)
    (when (and known (not (oref connection stopping)))
      (message
       "OASIS: the server ended%s.  `M-x oasis-search' starts it again; log in %s"
       (let ((words (oasis--last-words (jsonrpc-name connection))))
         (if words (format " (%s)" words) ""))
       (oasis--stderr-name (jsonrpc-name connection))))))

(defun oasis--on-notification (connection method parameters)
  "Take in the notification METHOD with PARAMETERS from CONNECTION."
  (pcase method
    ('oasis/statusChanged
     (setf (alist-get (plist-get parameters :uri) (oref connection statuses)
                      nil nil #'equal)
           parameters)
     (unless (member (plist-get parameters :phase) '("scanning" "indexing"))
       (cl-pushnew (plist-get parameters :uri) (oref connection settled)
                   :test #'equal))
     (oasis--tell-of-folder connection parameters)
     (force-mode-line-update t))
    ('window/showMessage
     (message "OASIS: %s" (plist-get parameters :message)))))

;; A folder that is gone or an index that cannot be written says so in each of
;; its states; people are told once.
(defun oasis--tell-of-folder (connection status)
  "Say what is wrong by STATUS with a folder of CONNECTION, and what helps."
  (let* ((text (or (plist-get status :message) ""))
         (key (cons (plist-get status :uri) text)))
    (unless (or (string-empty-p text) (member key (oref connection told)))
      (oset connection told (cons key (oref connection told)))
      (message "OASIS: %s (M-x oasis-status, M-x oasis-reindex)" text))))

(defun oasis--on-request (connection method parameters)
  "Answer the request METHOD with PARAMETERS from CONNECTION."
  (pcase method
    ('workspace/configuration
     (vconcat (mapcar (lambda (item)
                        (and (equal (plist-get item :section) "oasis")
                             (or oasis-settings (make-hash-table))))
                      (plist-get parameters :items))))
    ('workspace/workspaceFolders
     (vconcat (mapcar #'oasis--folder (oref connection roots))))
    ((or 'client/registerCapability 'client/unregisterCapability
         'window/workDoneProgress/create 'window/showMessageRequest
         'workspace/codeLens/refresh 'workspace/diagnostic/refresh)
     nil)
    (_ (jsonrpc-error :code -32601 :message (format "No %s here" method)))))

(defun oasis--ask (connection method parameters)
  "The answer of CONNECTION to METHOD with PARAMETERS; errors are for the user."
  (oasis--send-pending connection)
  (condition-case problem
      (jsonrpc-request connection method parameters :timeout oasis-request-timeout)
    (jsonrpc-error (user-error "OASIS: %s" (oasis--why problem)))))

(defun oasis--await (connection root &optional is-begun)
  "Wait a little until CONNECTION has indexed the project at ROOT once.
When IS-BEGUN is non-nil, only until that has begun."
  (let ((uri (oasis--uri root))
        (until (+ (float-time) oasis-first-wait))
        (was-told nil))
    (while (and (jsonrpc-running-p connection)
                (< (float-time) until)
                (not (member uri (oref connection settled)))
                (not (and is-begun
                          (assoc uri (oref connection statuses)))))
      (unless was-told
        (setq was-told t)
        (message "OASIS: indexing %s..." (abbreviate-file-name root)))
      (accept-process-output (jsonrpc--process connection) 0.1))))

(defun oasis--command (connection name &rest arguments)
  "Have CONNECTION run the server's command NAME with ARGUMENTS."
  (oasis--ask connection :workspace/executeCommand
              (list :command name :arguments (vconcat arguments))))

;;;; Unsaved text

(defun oasis--text ()
  "The whole text of the buffer."
  (save-restriction
    (widen)
    (buffer-substring-no-properties (point-min) (point-max))))

(defun oasis--language ()
  "Name of the buffer's language, as editors call it."
  (let ((name (replace-regexp-in-string "\\(?:-ts\\)?-mode\\'" ""
                                        (symbol-name major-mode))))
    (pcase name
      ((or "js" "js2" "rjsx") "javascript")
      ("c++" "cpp")
      ("sh" "shellscript")
      (_ name))))

(defun oasis--open ()
  "Give the server the text of this buffer from now on."
  (when-let ((path buffer-file-name)
             (root (oasis--root-of-path path))
             (connection (cl-find-if (lambda (each) (member root (oref each roots)))
                                     (oasis--running))))
    (setq oasis--synced connection
          oasis--uri (oasis--uri path)
          oasis--version 0)
    (jsonrpc-notify connection :textDocument/didOpen
                    (list :textDocument
                          (list :uri oasis--uri :languageId (oasis--language)
                                :version oasis--version :text (oasis--text))))))

(defun oasis--close ()
  "Have the server read this buffer's file from disk again."
  (oasis--cancel-timer)
  (when (and oasis--synced (jsonrpc-running-p oasis--synced))
    (jsonrpc-notify oasis--synced :textDocument/didClose
                    (list :textDocument (list :uri oasis--uri))))
  (setq oasis--synced nil))

(defun oasis--cancel-timer ()
  "Forget that text waits to be sent."
  (when oasis--timer
    (cancel-timer oasis--timer)
    (setq oasis--timer nil)))

(defun oasis--after-change (&rest _)
  "Send the text when typing rests."
  (when oasis--synced
    (when oasis--timer (cancel-timer oasis--timer))
    (setq oasis--timer
          (run-with-timer oasis-sync-delay nil #'oasis--send (current-buffer)))))

(defun oasis--send (buffer)
  "Send the text of BUFFER."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (oasis--cancel-timer)
      (when (and oasis--synced (jsonrpc-running-p oasis--synced))
        (jsonrpc-notify
         oasis--synced :textDocument/didChange
         (list :textDocument (list :uri oasis--uri
                                   :version (cl-incf oasis--version))
               :contentChanges (vector (list :text (oasis--text)))))))))

(defun oasis--send-pending (connection)
  "Send what was typed in the buffers of CONNECTION and not sent yet."
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer
      (when (and oasis--timer (eq oasis--synced connection))
        (oasis--send buffer)))))

(defun oasis--saved ()
  "Tell the server that this buffer was saved, maybe under another name."
  (when oasis--synced
    (if (equal oasis--uri (oasis--uri buffer-file-name))
        (progn
          (when oasis--timer (oasis--send (current-buffer)))
          (jsonrpc-notify oasis--synced :textDocument/didSave
                          (list :textDocument (list :uri oasis--uri))))
      (oasis--close)
      (oasis--open))))

(defun oasis--adopt-buffers (root)
  "Turn `oasis-mode' on in the buffers of the project at ROOT."
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer
      (when (and buffer-file-name (not oasis--synced)
                 (string-prefix-p root buffer-file-name))
        (if oasis-mode (oasis--open) (oasis-mode 1))))))

(defun oasis--maybe-turn-on ()
  "Turn `oasis-mode' on in a file of a project that is served."
  (when (and buffer-file-name (not oasis-mode)
             (oasis--root-of-path buffer-file-name))
    (oasis-mode 1)))

(defun oasis--lighter ()
  "Text for the mode line: the state of the buffer's project."
  (if (not (and oasis--synced (jsonrpc-running-p oasis--synced)))
      " OASIS:off"
    (let* ((root (oasis--root-of-path (or buffer-file-name default-directory)))
           (status (and root (alist-get (oasis--uri root)
                                        (oref oasis--synced statuses)
                                        nil nil #'equal)))
           (total (plist-get status :filesTotal)))
      (pcase (plist-get status :phase)
        ('nil " OASIS")
        ("ready" " OASIS")
        ("indexing"
         (if (and total (> total 0))
             (format " OASIS:%d%%%%" (/ (* 100 (plist-get status :filesDone)) total))
           " OASIS:indexing"))
        (phase (format " OASIS:%s" phase))))))

;;;###autoload
(define-minor-mode oasis-mode
  "Have OASIS search the text of this buffer as it stands, saved or not.
Starts the server for the buffer's project.  Searching turns it on in all
files of the project."
  :lighter (:eval (oasis--lighter))
  (if oasis-mode
      (progn
        (add-hook 'after-change-functions #'oasis--after-change nil t)
        (add-hook 'after-save-hook #'oasis--saved nil t)
        (add-hook 'after-revert-hook #'oasis--after-change nil t)
        (add-hook 'kill-buffer-hook #'oasis--close nil t)
        (add-hook 'change-major-mode-hook #'oasis--close nil t)
        (when buffer-file-name
          (condition-case problem
              (unless (oasis--open) (oasis--connect))
            (user-error
             (setq oasis-mode nil)
             (message "%s" (error-message-string problem))))))
    (oasis--close))
  (unless oasis-mode
    (remove-hook 'after-change-functions #'oasis--after-change t)
    (remove-hook 'after-save-hook #'oasis--saved t)
    (remove-hook 'after-revert-hook #'oasis--after-change t)
    (remove-hook 'kill-buffer-hook #'oasis--close t)
    (remove-hook 'change-major-mode-hook #'oasis--close t)))

;;;; Places

(defun oasis--position (place)
  "PLACE in the buffer, as line and column in characters."
  (save-excursion
    (save-restriction
      (widen)
      (goto-char place)
      (list :line (1- (line-number-at-pos nil t))
            :character (- (point) (line-beginning-position))))))

(defun oasis--goto (position)
  "Move to POSITION, as line and column in characters."
  (widen)
  (goto-char (point-min))
  (forward-line (plist-get position :line))
  (goto-char (min (line-end-position) (+ (point) (plist-get position :character)))))

(defun oasis--start-of (hit)
  "Where the name of HIT begins."
  (plist-get (or (plist-get hit :selectionRange) (plist-get hit :range)) :start))

(defun oasis--visit (hit show)
  "Show the buffer of HIT by the function SHOW, with point on its name."
  (let* ((path (oasis--path (plist-get hit :uri)))
         (buffer (or (find-buffer-visiting path)
                     (if (file-readable-p path)
                         (find-file-noselect path)
                       (user-error "OASIS: %s is gone; search again" path))))
         (window (funcall show buffer)))
    (with-current-buffer buffer
      (oasis--goto (oasis--start-of hit))
      (when (windowp window)
        (set-window-point window (point))
        (with-selected-window window (recenter)))
      (unless noninteractive
        (pulse-momentary-highlight-one-line (point))))
    buffer))

(defun oasis--label (hit)
  "The name of HIT with what encloses it."
  (let ((container (plist-get hit :containerName)))
    (if (and container (not (string-empty-p container)))
        (concat container "." (plist-get hit :name))
      (plist-get hit :name))))

(defun oasis--place (hit)
  "The file and line of HIT, relative to its project."
  (let* ((path (oasis--path (plist-get hit :uri)))
         (root (oasis--root-of-path path)))
    (format "%s:%d" (if root (file-relative-name path root)
                      (abbreviate-file-name path))
            (1+ (plist-get (oasis--start-of hit) :line)))))

(defun oasis--percent (hit)
  "How likely HIT answers, for people."
  (let ((probability (plist-get hit :probability)))
    (if (numberp probability) (format "%3d%%" (round (* 100 probability))) "    ")))

(defun oasis--line (hit &optional rank)
  "One line for HIT, with its RANK when given."
  (concat
   (propertize (concat (and rank (format "%3d " rank)) (oasis--percent hit) "  ")
               'face 'oasis-rank)
   (let ((level (plist-get hit :level)))
     (if level (propertize (format "%-10s" level) 'face 'oasis-rank) ""))
   (propertize (oasis--label hit) 'face 'oasis-name)
   "  "
   (propertize (format "%s  %s" (plist-get hit :kind) (oasis--place hit))
               'face 'oasis-place)))

;;;; The list of hits

(defvar-local oasis--again nil
  "Function that makes this list anew.")

(defvar oasis-results-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map "n" #'oasis-next)
    (define-key map "p" #'oasis-previous)
    (define-key map "o" #'oasis-show)
    (define-key map (kbd "RET") #'oasis-open)
    (define-key map [mouse-2] #'oasis-open-mouse)
    (define-key map "s" #'oasis-search)
    map)
  "Keys in a list of hits.")

(define-derived-mode oasis-results-mode special-mode "OASIS"
  "A list of hits, best first.
\\{oasis-results-mode-map}"
  (setq truncate-lines t
        revert-buffer-function (lambda (&rest _)
                                 (when oasis--again (funcall oasis--again)))
        next-error-function #'oasis--next-error))

(defun oasis--hit-at-point ()
  "The hit at point, or an error."
  (or (get-text-property (line-beginning-position) 'oasis-hit)
      (user-error "OASIS: no hit on this line")))

(defun oasis--move (count)
  "Move COUNT hits on."
  (let ((step (if (< count 0) -1 1))
        (found (point)))
    (dotimes (_ (abs count))
      (save-excursion
        (goto-char found)
        (while (and (zerop (forward-line step)) (not (eobp))
                    (not (get-text-property (point) 'oasis-hit))))
        (if (get-text-property (point) 'oasis-hit)
            (setq found (point))
          (user-error "OASIS: no more hits"))))
    (goto-char found)))

(defun oasis-next (&optional count)
  "Move COUNT hits down and show the hit if `oasis-preview' is non-nil."
  (interactive "p" oasis-results-mode)
  (oasis--move (or count 1))
  (when oasis-preview (oasis-show)))

(defun oasis-previous (&optional count)
  "Move COUNT hits up and show the hit if `oasis-preview' is non-nil."
  (interactive "p" oasis-results-mode)
  (oasis-next (- (or count 1))))

(defun oasis-show ()
  "Show the hit at point in another window and stay here."
  (interactive nil oasis-results-mode)
  (oasis--visit (oasis--hit-at-point)
                (lambda (buffer)
                  (display-buffer buffer '(nil (inhibit-same-window . t))))))

(defun oasis-open ()
  "Go to the hit at point."
  (interactive nil oasis-results-mode)
  (let ((hit (oasis--hit-at-point)))
    (xref-push-marker-stack)
    (oasis--visit hit (lambda (buffer)
                        (pop-to-buffer buffer)
                        (selected-window)))))

(defun oasis-open-mouse (event)
  "Go to the hit that was clicked on in EVENT."
  (interactive "e" oasis-results-mode)
  (mouse-set-point event)
  (oasis-open))

(defun oasis--next-error (count &optional reset)
  "Go COUNT hits on and open that one; from the top when RESET is non-nil."
  (when reset
    (goto-char (point-min)))
  (unless (and reset (get-text-property (point) 'oasis-hit)
               (zerop count))
    (oasis--move count))
  (oasis-open))

(defun oasis--insert-hit (hit rank)
  "Insert the lines of HIT, which stands at RANK."
  (let ((start (point)))
    (insert (oasis--line hit rank))
    (put-text-property start (point) 'mouse-face 'highlight)
    (insert "\n")
    (put-text-property start (point) 'oasis-hit hit)))

(defun oasis--list (title message again insert)
  "Show the list TITLE with MESSAGE, filled by INSERT; call AGAIN to renew it."
  (let ((buffer (get-buffer-create "*oasis*"))
        (directory default-directory))
    (with-current-buffer buffer
      ;; Commands in the list are about the project that it is of.
      (setq default-directory directory)
      (let ((inhibit-read-only t))
        (unless (derived-mode-p 'oasis-results-mode) (oasis-results-mode))
        (erase-buffer)
        (setq header-line-format
              (replace-regexp-in-string
               "%" "%%" (concat title (and message (concat "  -  " message))))
              oasis--again again)
        (funcall insert)
        (goto-char (point-min))
        (unless (get-text-property (point) 'oasis-hit)
          (ignore-errors (oasis--move 1)))))
    (setq next-error-last-buffer buffer)
    (pop-to-buffer buffer)
    (let ((window (get-buffer-window buffer)))
      (when window (set-window-point window (with-current-buffer buffer (point)))))
    buffer))

(defun oasis--list-hits (title result again)
  "Show the hits of RESULT under TITLE; call AGAIN to renew it."
  (let ((hits (append (plist-get result :hits) nil))
        (message (plist-get result :message)))
    (if (null hits)
        (message "OASIS: %s" (or message "nothing was found"))
      (oasis--list title message again
                   (lambda ()
                     (cl-loop for hit in hits for rank from 1
                              do (oasis--insert-hit hit rank)))))))

;;;; Searching

(defvar oasis-history nil
  "What was searched for.")

(defun oasis--restrict (parameters)
  "PARAMETERS with the limit that is wanted."
  (if oasis-limit (append parameters (list :limit oasis-limit)) parameters))

(defun oasis--search-parameters (query root)
  "Parameters of a search for QUERY, in the project at ROOT when non-nil."
  (oasis--restrict
   (append (list :query query) (and root (list :folder (oasis--uri root))))))

(defun oasis--list-search (connection query root)
  "List the hits of CONNECTION for QUERY, at ROOT when non-nil."
  (oasis--list-hits
   (format "OASIS: %s" query)
   (oasis--ask connection :oasis/search (oasis--search-parameters query root))
   (lambda ()
     (oasis--list-search (oasis--connect (oasis--root))
                         query root))))

;;;###autoload
(defun oasis-search (query &optional only-here)
  "Find code by meaning: list what answers QUERY, best first.
With a prefix argument, or ONLY-HERE non-nil, only in this project.
Words such as lang:go, path:src/, \"exact words\" and -test restrict."
  (interactive
   (list (if (oasis--consult-p) nil
           (read-string "Find code: " nil 'oasis-history))
         current-prefix-arg))
  (let* ((root (oasis--root))
         (connection (oasis--connect root))
         (here (and only-here root)))
    (oasis--await connection root (null query))
    (if query
        (oasis--list-search connection query here)
      (oasis--search-as-you-type connection here))))

(defun oasis--consult-p ()
  "Whether consult is there and wanted."
  (and oasis-use-consult (not noninteractive) (require 'consult nil t)))

(defun oasis--candidates (result)
  "The hits of RESULT as candidates for completion, in their order."
  (cl-loop for hit across (or (plist-get result :hits) [])
           for rank from 1
           collect (propertize (oasis--line hit rank) 'oasis-hit hit)))

(defun oasis--marker (hit)
  "A marker on the name of HIT, or nil."
  (when-let ((path (and hit (oasis--path (plist-get hit :uri))))
             (buffer (or (find-buffer-visiting path)
                         (and (file-readable-p path) (find-file-noselect path)))))
    (with-current-buffer buffer
      (save-excursion
        (save-restriction
          (oasis--goto (oasis--start-of hit))
          (point-marker))))))

(defun oasis--source (connection root)
  "Candidates from CONNECTION, at ROOT when non-nil, for consult.
The newest question wins: answers to older ones are dropped."
  (lambda (sink)
    (let ((newest 0) timer)
      (lambda (action)
        (pcase action
          ((pred stringp)
           (when timer (cancel-timer timer))
           (let ((mine (cl-incf newest)))
             (if (string-blank-p action)
                 (funcall sink 'flush)
               (setq timer
                     (run-with-timer
                      0.08 nil
                      (lambda ()
                        (oasis--ask-newest
                         connection (oasis--search-parameters action root)
                         (lambda () (= mine newest))
                         (lambda (candidates)
                           (funcall sink 'flush)
                           (funcall sink candidates)
                           (funcall sink 'refresh)))))))))
          ('destroy
           (when timer (cancel-timer timer))
           (cl-incf newest)
           (funcall sink 'destroy))
          (_ (funcall sink action)))))))

(defun oasis--ask-newest (connection parameters newest-p show)
  "Search by CONNECTION with PARAMETERS; SHOW candidates while NEWEST-P."
  (when (and (funcall newest-p) (jsonrpc-running-p connection))
    (oasis--send-pending connection)
    (jsonrpc-async-request
     connection :oasis/search parameters
     :timeout oasis-request-timeout
     :timeout-fn #'ignore
     :error-fn (cl-function
                (lambda (&key message &allow-other-keys)
                  (when (funcall newest-p) (message "OASIS: %s" message))))
     :success-fn (lambda (result)
                   (when (funcall newest-p)
                     (funcall show (oasis--candidates result)))))))

;;;; Similar code

(defun oasis--similar-parameters ()
  "What is at point or in the region, as parameters of `oasis/similar'."
  (oasis--restrict
   (append
    (if (and buffer-file-name (oasis--root-of-path (expand-file-name buffer-file-name)))
        (append
         (list :textDocument (list :uri (oasis--uri buffer-file-name)))
         (if (use-region-p)
             (list :range (list :start (oasis--position (region-beginning))
                                :end (oasis--position (region-end))))
           (list :position (oasis--position (point)))))
      (list :text (if (use-region-p)
                      (buffer-substring-no-properties (region-beginning) (region-end))
                    (oasis--text))
            :languageId (oasis--language))))))

;;;###autoload
(defun oasis-similar ()
  "List code that is similar to the region or to the function at point."
  (interactive)
  (let* ((root (oasis--root))
         (connection (oasis--connect root)))
    (oasis--await connection root)
    (oasis--list-similar connection (oasis--similar-parameters))))

(defun oasis--list-similar (connection parameters)
  "List code similar to the place in PARAMETERS by CONNECTION."
  (let* ((result (oasis--ask connection :oasis/similar parameters))
         (hits (append (plist-get result :hits) nil)))
    (if (and oasis-similar-use-xref hits)
        (funcall xref-show-xrefs-function
                 (lambda () (oasis--xrefs hits))
                 `((window . ,(selected-window)) (display-action . nil)))
      (oasis--list-hits
       (format "OASIS: like %s" (plist-get result :origin)) result
       (lambda ()
         (oasis--list-similar (oasis--connect (oasis--root))
                              parameters))))))

(cl-defstruct oasis--location
  "A place for xref, in a group of its own so that the order of hits is kept."
  hit group)

(cl-defmethod xref-location-marker ((location oasis--location))
  "A marker on the hit of LOCATION."
  (or (oasis--marker (oasis--location-hit location))
      (user-error "OASIS: the file is gone; search again")))

(cl-defmethod xref-location-group ((location oasis--location))
  "The heading over LOCATION."
  (oasis--location-group location))

(cl-defmethod xref-location-line ((location oasis--location))
  "The line number of LOCATION."
  (1+ (plist-get (oasis--start-of (oasis--location-hit location)) :line)))

(defun oasis--xrefs (hits)
  "HITS for xref, in their order."
  (cl-loop for hit in hits for rank from 1
           collect (xref-make
                    (car (split-string (or (plist-get hit :preview) "") "\n"))
                    (make-oasis--location :hit hit :group (oasis--line hit rank)))))

;;;; Copies

;;;###autoload
(defun oasis-duplicates (&optional only-here)
  "List groups of functions that are copies of one another.
With a prefix argument, or ONLY-HERE non-nil, only in this project."
  (interactive "P")
  (let* ((root (oasis--root))
         (connection (oasis--connect root)))
    (unless (member "oasis/duplicates" (oref connection methods))
      (user-error "OASIS: this server cannot list duplicates; update it (`uv tool upgrade oasis-code-search')"))
    (oasis--await connection root)
    (let* ((parameters (oasis--restrict
                        (and only-here (list :folder (oasis--uri root)))))
           (result (let ((oasis-request-timeout (* 10 oasis-request-timeout)))
                     (message "OASIS: comparing functions...")
                     (oasis--ask connection :oasis/duplicates
                                 (or parameters (make-hash-table)))))
           (groups (append (plist-get result :groups) nil)))
      (if (null groups)
          (message "OASIS: %s" (or (plist-get result :message) "no duplicates"))
        (oasis--list
         (format "OASIS: %d %s of duplicates" (length groups)
                 (if (cdr groups) "groups" "group"))
         (plist-get result :message)
         (lambda () (oasis-duplicates only-here))
         (lambda ()
           (dolist (group groups)
             (insert (propertize
                      (format "%s, %d times, about %d lines to save\n"
                              (plist-get group :level)
                              (length (plist-get group :members))
                              (round (or (plist-get group :lines) 0)))
                      'face 'bold))
             (mapc (lambda (hit) (oasis--insert-hit hit nil))
                   (plist-get group :members)))))))))

;;;; State

(defun oasis--status-text (status)
  "STATUS of a server in a few lines."
  (mapconcat
   #'identity
   (append
    (mapcar
     (lambda (folder)
       (concat
        (format "%s: %s, %d of %d files, %d units"
                (file-name-nondirectory (oasis--path (plist-get folder :uri)))
                (plist-get folder :phase)
                (plist-get folder :filesDone) (plist-get folder :filesTotal)
                (plist-get (plist-get folder :coverage) :units))
        (let ((message (plist-get folder :message)))
          (if (or (null message) (string-empty-p message)) ""
            (concat ".  " message)))))
     (plist-get status :folders))
    (let ((model (plist-get status :model)))
      (when model
        (list (string-trim-right
               (format "model %s: %s  %s" (plist-get model :name)
                       (plist-get model :phase) (plist-get model :message))))))
    (list (format "server %s" (plist-get status :version))))
   "\n"))

;;;###autoload
(defun oasis-status ()
  "Say how far every project is indexed."
  (interactive)
  (let ((connections (or (oasis--running) (list (oasis--connect)))))
    (message "%s" (mapconcat
                   (lambda (connection)
                     (oasis--status-text (oasis--ask connection :oasis/status nil)))
                   connections "\n"))))

(defun oasis--all ()
  "The running connections, or an error if there is none."
  (or (oasis--running)
      (user-error "OASIS: no server runs; `M-x oasis-search' starts one")))

(defun oasis-pause ()
  "Stop indexing until `oasis-resume'; keep answering meanwhile."
  (interactive)
  (mapc (lambda (connection) (oasis--command connection "oasis.pause")) (oasis--all))
  (message "OASIS: indexing is paused; go on with `M-x oasis-resume'"))

(defun oasis-resume ()
  "Resume indexing."
  (interactive)
  (mapc (lambda (connection) (oasis--command connection "oasis.resume")) (oasis--all))
  (message "OASIS: indexing goes on"))

(defun oasis-reindex ()
  "Index the current project anew."
  (interactive)
  (let ((root (oasis--root)))
    (oasis--command (oasis--connect root) "oasis.reindex" (oasis--uri root))
    (message "OASIS: %s is indexed anew" (abbreviate-file-name root))))

(defun oasis-stop ()
  "Stop every server; nothing is lost."
  (interactive)
  (dolist (connection (mapcar #'cdr oasis--connections))
    (oset connection stopping t)
    (when (jsonrpc-running-p connection)
      (ignore-errors
        (jsonrpc-request connection :shutdown nil :timeout 3)
        (jsonrpc-notify connection :exit nil)))
    (oasis--end connection 3)
    (oasis--forget connection)))

(defun oasis-restart ()
  "Stop every server and start the one of the current project."
  (interactive)
  (let ((root (oasis--root)))
    (oasis-stop)
    (oasis--connect root)))

;;;; As you type

(defun oasis--search-as-you-type (connection root)
  "Search by CONNECTION, at ROOT when non-nil, at every key, with consult."
  (let* ((source (oasis--source connection root))
         ;; Until consult 1.x a source is wrapped around its sink, later it is
         ;; a function that waits for one.
         (is-old (> (car (func-arity 'consult--async-split)) 0)))
    (apply #'consult--read
           (if is-old
               (consult--async-split (funcall source (consult--async-sink)))
             (lambda (sink)
               (funcall (funcall #'consult--async-split) (funcall source sink))))
           (append
            (when is-old (list :initial (consult--async-split-initial nil)))
            (list
             :prompt "Find code: "
             :category 'oasis-hit
             :sort nil
             :require-match t
             :history '(:input oasis-history)
             :lookup (lambda (selected candidates &rest _)
                       (consult--lookup-prop 'oasis-hit selected candidates))
             :state (let ((jump (consult--jump-state)))
                      (lambda (action hit)
                        (funcall jump action (and hit (oasis--marker hit))))))))))

(provide 'oasis)
;;; oasis.el ends here
