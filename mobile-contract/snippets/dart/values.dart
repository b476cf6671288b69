import 'package:intl/intl.dart';

/// Whole halalas for sums; [display] for people, as it is: it may hold signs and isolates that nobody should parse.
class Money {
  Money.fromJson(Map<String, dynamic> json)
      : amountMinor = json['amount_minor'] as int,
        currency = json['currency'] as String,
        display = json['display'] as String;

  final int amountMinor;
  final String currency;
  final String display;
}

/// `2026-11-20T16:30:00+03:00`. Dart's DateTime keeps no offset, so the salon's clock is read beside the instant.
class Moment {
  Moment.parse(String text)
      : instant = DateTime.parse(text),
        clock = DateTime.parse('${text.substring(0, 19)}Z');

  /// For comparing and counting.
  final DateTime instant;

  /// For showing: the hands of the salon's clock, whatever zone the phone is in.
  final DateTime clock;

  /// Whole seconds; the server takes any offset.
  String toJson() => '${instant.toUtc().toIso8601String().substring(0, 19)}Z';

  /// For people, as their language writes it.
  String label(String locale) => DateFormat.jm(locale).format(clock);
}

/// `2026-11-20` for a query. Not DateFormat, which writes Arabic digits in an Arabic app.
String day(DateTime date) => date.toIso8601String().substring(0, 10);

/// An open list: a state born after this app shows `state_label` and no special colour.
enum BookingState {
  held('held'),
  requested('requested'),
  confirmed('confirmed'),
  completed('completed'),
  noShow('no_show'),
  declined('declined'),
  cancelled('cancelled'),
  expired('expired'),
  unknown('');

  const BookingState(this.wire);

  factory BookingState.of(String wire) =>
      values.firstWhere((state) => state.wire == wire, orElse: () => unknown);

  final String wire;
}
