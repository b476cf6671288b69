package sa.mawid.app

import java.time.LocalDate
import java.time.OffsetDateTime
import java.time.ZoneId
import java.time.format.DateTimeFormatter
import java.time.format.FormatStyle
import java.util.Locale
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.descriptors.PrimitiveKind
import kotlinx.serialization.descriptors.PrimitiveSerialDescriptor
import kotlinx.serialization.encoding.Decoder
import kotlinx.serialization.encoding.Encoder
import kotlinx.serialization.json.Json

/** New fields are ignored; an enum value born after this app becomes the property's default. */
val wire = Json {
    ignoreUnknownKeys = true
    coerceInputValues = true
}

/** Whole halalas for sums; `display` for people, as it is: it may hold signs and isolates that nobody should parse. */
@Serializable
data class Money(
    @SerialName("amount_minor") val amountMinor: Long,
    val currency: String,
    val display: String,
)

/** An open list: a state born after this app shows `state_label` and no special colour. */
@Serializable
enum class BookingState {
    @SerialName("held") HELD,
    @SerialName("requested") REQUESTED,
    @SerialName("confirmed") CONFIRMED,
    @SerialName("completed") COMPLETED,
    @SerialName("no_show") NO_SHOW,
    @SerialName("declined") DECLINED,
    @SerialName("cancelled") CANCELLED,
    @SerialName("expired") EXPIRED,
    UNKNOWN,
}

/**
 * `2026-11-20T16:30:00+03:00`: whole seconds, and the salon's offset kept, so that a label shows the salon's clock.
 *
 * Locale.ROOT, because a formatter of an Arabic locale writes other digits. Not `toString()`, which leaves out `:00`.
 */
object Moment : KSerializer<OffsetDateTime> {
    private val format = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ssxxx", Locale.ROOT)

    override val descriptor = PrimitiveSerialDescriptor("Moment", PrimitiveKind.STRING)

    override fun serialize(encoder: Encoder, value: OffsetDateTime) = encoder.encodeString(format.format(value))

    override fun deserialize(decoder: Decoder): OffsetDateTime = OffsetDateTime.parse(decoder.decodeString())
}

private val DAY = DateTimeFormatter.ofPattern("uuuu-MM-dd", Locale.ROOT)

/** `2026-11-20` for a query. */
fun LocalDate.onTheWire(): String = DAY.format(this)

/** The day in the salon's zone (`timezone` of the answer), whatever zone the phone is in. */
fun OffsetDateTime.dayIn(zone: ZoneId): LocalDate = atZoneSameInstant(zone).toLocalDate()

/** For people: the salon's clock, as their language writes it. */
fun OffsetDateTime.clock(locale: Locale): String =
    DateTimeFormatter.ofLocalizedTime(FormatStyle.SHORT).localizedBy(locale).format(this)
