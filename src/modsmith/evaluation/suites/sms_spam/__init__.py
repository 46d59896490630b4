"""The suite `sms_spam`."""
