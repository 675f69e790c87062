#!/bin/sh
# A bot that says back what it hears. A message counts as read when the command has done its work.
until pirushka recv --follow --exec 'pirushka send "$PIRUSHKA_FINGERPRINT" -- "$PIRUSHKA_TEXT" >&2'; do
    sleep 1
done
